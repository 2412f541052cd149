//! Data on several disks, one of which is not there when the node starts: the node says which and whose data is on it, and leaves everything as it is.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use std::path::PathBuf;

use engine::EngineOptions;
use model::operation::{ListTables, Reply, Request};
use runtime::simulated::{Machine, MachineOptions};
use sim::{Caller, Node, create_table, node_options};

const KEYRING: &str = "/safe/keyring";

fn try_live<T>(machine: &Machine, disks: [&str; 2], work: impl AsyncFnOnce(&Caller) -> T) -> Result<T, String> {
    let options = EngineOptions { keyring: Some(PathBuf::from(KEYRING)), ..node_options(&disks) };
    let node = Node::start(machine, &options);
    let outcome = machine.run(async {
        node.opened().await?;
        Ok(work(&node.caller()).await)
    });
    machine.cut_power();
    machine.restart();
    outcome.expect("nothing goes down")
}

#[test]
fn a_disk_that_is_not_there_is_named_and_so_is_whose_data_is_on_it() {
    let machine = Machine::with(MachineOptions { core_count: 2, ..MachineOptions::new(1) });
    machine.run(async { machine.runtime().create_directory(&PathBuf::from("/safe")).await.unwrap() }).unwrap();
    try_live(&machine, ["/disk-0/data", "/disk-1/data"], async |caller| {
        caller.call(0, create_table("things", "pk")).await.unwrap();
    })
    .unwrap();
    let files = machine.disk().files();
    for disks in [["/disk-0/data", "/none/data"], ["/none/data", "/disk-1/data"]] {
        let failure = try_live(&machine, disks, async |_| ()).unwrap_err();
        for phrase in ["/none/data is missing or empty", "workers 0, 1", "mounted", "restore"] {
            assert!(failure.contains(phrase), "{failure}");
        }
        assert_eq!(failure.lines().count(), 1);
    }
    assert_eq!(machine.disk().files(), files, "nothing was made or changed");
    let tables = try_live(&machine, ["/disk-0/data", "/disk-1/data"], async |caller| {
        caller.call(1, Request::ListTables(ListTables::default())).await.unwrap()
    });
    let Reply::ListTables(reply) = tables.unwrap() else { panic!("tables are listed") };
    assert_eq!(reply.table_names.len(), 1);
}
