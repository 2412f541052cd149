//! A blocking connection of the binary protocol: what has to be said before the load begins.
//!
//! Handshake, CreateTable, partition map. Whoever loads takes the stream out afterwards and drives it without blocking.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use client::{PartitionMap, Pipeline, operations};
use model::Request;
use model::table::TableStatus;
use wire::Welcome;
use wire::client::Incoming;

/// What the load generator calls itself in the server's log.
const CLIENT_NAME: &str = concat!("stator-perf/", env!("CARGO_PKG_VERSION"));
/// DescribeTable calls until a new table has to be active.
const ACTIVE_ATTEMPTS_COUNT_MAX: usize = 1000;

/// A blocking connection with its handshake done: for what a run needs before it starts.
pub(crate) struct Session {
    pub(crate) stream: TcpStream,
    pub(crate) pipeline: Pipeline,
    pub(crate) welcome: Welcome,
}

impl Session {
    pub(crate) fn connect(address: SocketAddr) -> Result<Session, Box<dyn Error>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut pipeline = Pipeline::new(CLIENT_NAME, crate::credentials::from_environment())?;
        loop {
            send(&mut stream, &mut pipeline)?;
            if let Some(welcome) = pipeline.take_welcome()? {
                return Ok(Session { stream, pipeline, welcome });
            }
            receive(&mut stream, &mut pipeline)?;
        }
    }

    pub(crate) fn create_table(&mut self, create: operations::CreateTable) -> Result<(), Box<dyn Error>> {
        let table_name = create.table_name.clone();
        match self.call(&Request::CreateTable(Box::new(create)))? {
            Ok(_) => {}
            Err(error) if error.kind == model::ErrorKind::ResourceInUse => {}
            Err(error) => return Err(format!("CreateTable: {error}").into()),
        }
        let describe = operations::DescribeTable { table_name };
        let describe = Request::DescribeTable(describe);
        for _ in 0..ACTIVE_ATTEMPTS_COUNT_MAX {
            match self.call(&describe)? {
                Ok(model::Reply::DescribeTable(reply)) if reply.table.definition.status == TableStatus::Active => {
                    return Ok(());
                }
                _ => std::thread::sleep(std::time::Duration::from_millis(10)),
            }
        }
        Err("the table does not become active".into())
    }

    pub(crate) fn partition_map(&mut self, table_name: &str) -> Result<PartitionMap, Box<dyn Error>> {
        self.pipeline.describe_partitions(1, table_name)?;
        match self.answer()? {
            Incoming::PartitionMap { map, .. } => Ok(map),
            Incoming::Reply { result: Err(error), .. } => {
                Err(format!("table {table_name}: {error} (--load writes the data set first)").into())
            }
            other => Err(format!("an unexpected answer: {other:?}").into()),
        }
    }

    /// The cores, ascending, and where each listens.
    pub(crate) fn core_addresses(&self) -> Result<Vec<(u16, SocketAddr)>, Box<dyn Error>> {
        let connected = self.stream.peer_addr()?;
        let mut addresses = Vec::with_capacity(self.welcome.cores.len());
        for endpoint in &self.welcome.cores {
            let host: IpAddr = if endpoint.address.is_empty() { connected.ip() } else { endpoint.address.parse()? };
            addresses.push((endpoint.core, SocketAddr::new(host, endpoint.port)));
        }
        addresses.sort_unstable();
        Ok(addresses)
    }

    fn call(&mut self, request: &Request) -> Result<Result<model::Reply, model::Error>, Box<dyn Error>> {
        self.pipeline.request(1, request)?;
        match self.answer()? {
            Incoming::Reply { result, .. } => Ok(result),
            other => Err(format!("an unexpected answer: {other:?}").into()),
        }
    }

    fn answer(&mut self) -> Result<Incoming, Box<dyn Error>> {
        loop {
            send(&mut self.stream, &mut self.pipeline)?;
            if let Some(answer) = self.pipeline.next_answer()? {
                return Ok(answer.decode()?);
            }
            receive(&mut self.stream, &mut self.pipeline)?;
        }
    }
}

fn send(stream: &mut TcpStream, pipeline: &mut Pipeline) -> Result<(), Box<dyn Error>> {
    let count = pipeline.unsent().len();
    stream.write_all(pipeline.unsent())?;
    pipeline.sent(count);
    Ok(())
}

fn receive(stream: &mut TcpStream, pipeline: &mut Pipeline) -> Result<(), Box<dyn Error>> {
    match stream.read(pipeline.receive_space())? {
        0 => Err("the server closed the connection".into()),
        count => {
            pipeline.received(count);
            Ok(())
        }
    }
}
