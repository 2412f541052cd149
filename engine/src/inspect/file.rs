//! The blocks and entries of one sorted file.

use super::fault::{Fault, FaultCause, InspectError};
use super::key_text::key_text;
use super::summary::{RunFile, files_of};
use super::{Inspection, Worker};
use journal::{GroupId, SegmentId, Survey};
use partition::SetId;
use runtime::CoreId;
use sstable::{BlockRef, Entry, FileId, SegmentUse, Table, TableError, TableRecord};
use std::path::PathBuf;

/// What comes next in a file.
pub enum FileStep<'f> {
    /// What is known of the file as a whole; first.
    Properties(FileProperties),
    /// An index page, and how many blocks it leads to.
    Page(BlockRef, usize),
    /// A data block, how many entries it has, and its least key, readable.
    Block(BlockRef, usize, String),
    /// An entry of the block: its key, readable, and what it has.
    Entry(String, Entry<'f>),
    /// What is not as it was written.
    Fault(Fault),
}

/// A file as a whole.
#[derive(Clone, Debug)]
pub struct FileProperties {
    /// Where it is.
    pub path: PathBuf,
    /// Its worker.
    pub core: CoreId,
    /// Its partition's group.
    pub group: GroupId,
    /// Its table's name; `None` if that was deleted.
    pub table: Option<String>,
    /// The set whose entries it holds.
    pub set: SetId,
    /// The run of that set, the newest one is 0.
    pub run: usize,
    /// What the checkpoint says of it.
    pub record: TableRecord,
    /// The least and the greatest key, readable.
    pub keys: [String; 2],
    /// What it names in the journal.
    pub usage: Vec<SegmentUse>,
    /// Segments in which that is not there any more: its keys there are in newer runs. Ascending.
    pub emptied: Vec<SegmentId>,
}

/// A file, and who names it.
struct Named<'i> {
    worker: &'i Worker,
    survey: &'i Survey,
    group: GroupId,
    set: SetId,
    file: RunFile<'i>,
}

impl Inspection {
    /// Calls `visit` with what is in a file: its properties, then page by page its blocks, each with its entries.
    ///
    /// # Errors
    /// If nothing names the file. One that cannot be read is a fault.
    pub async fn read_file(&self, file: FileId, visit: &mut dyn FnMut(FileStep<'_>)) -> Result<(), InspectError> {
        let named = self.find_file(file).ok_or(InspectError::NoFile(file))?;
        if let Err(error) = self.read_named(&named, visit).await {
            visit(FileStep::Fault(fault(&named, error)));
        }
        Ok(())
    }

    fn find_file(&self, file: FileId) -> Option<Named<'_>> {
        self.workers.iter().find_map(|worker| {
            let survey = worker.survey.as_ref()?;
            worker.groups.iter().find_map(|(group, log)| {
                let checkpoint = log.checkpoint.as_ref()?;
                checkpoint.sets.iter().find_map(|(set, runs)| {
                    let file = files_of(runs).find(|found| found.file.file == file)?;
                    Some(Named { worker, survey, group: *group, set: *set, file })
                })
            })
        })
    }

    async fn read_named(&self, named: &Named<'_>, visit: &mut dyn FnMut(FileStep<'_>)) -> Result<(), TableError> {
        let Named { worker, survey, group, set, file } = *named;
        let RunFile { number, run, file: record } = file;
        let entry = self.table_of(group);
        let table = self.open_table((worker.core, survey), group, record).await?;
        visit(FileStep::Properties(FileProperties {
            path: table.path().to_path_buf(),
            core: worker.core,
            group,
            table: entry.map(|entry| entry.definition.name.clone()),
            set,
            run: number,
            record: record.clone(),
            keys: [&record.first_key, &record.last_key].map(|key| key_text(entry, set, key)),
            usage: table.read_usage().await?,
            emptied: run.emptied.clone(),
        }));
        for page_reference in table.pages() {
            let page = match table.read_page(page_reference).await {
                Ok(page) => page,
                Err(error) => {
                    visit(FileStep::Fault(fault(named, error)));
                    continue;
                }
            };
            visit(FileStep::Page(page_reference, page.block_count()));
            for reference in page.blocks() {
                self.read_block((named, &table), reference, visit).await;
            }
        }
        Ok(())
    }

    async fn read_block(
        &self,
        (named, table): (&Named<'_>, &Table),
        reference: BlockRef,
        visit: &mut dyn FnMut(FileStep<'_>),
    ) {
        let block = match table.read_block(reference).await {
            Ok(block) => block,
            Err(error) => return visit(FileStep::Fault(fault(named, error))),
        };
        let entry = self.table_of(named.group);
        let mut is_first = true;
        block.visit(&mut |key, found| {
            let key = key_text(entry, named.set, key);
            if std::mem::replace(&mut is_first, false) {
                visit(FileStep::Block(reference, block.entry_count(), key.clone()));
            }
            visit(FileStep::Entry(key, found));
        });
    }
}

fn fault(named: &Named<'_>, error: TableError) -> Fault {
    Fault { core: named.worker.core, cause: FaultCause::Table(error) }
}
