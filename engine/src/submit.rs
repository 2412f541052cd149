//! What happens to a request when it comes in: checked without a table, admitted, routed.

use crate::Engine;
use crate::admission::admit;
use crate::coordinate::{BatchGet, BatchWrite, Coordination, Describe, ScanAll};
use crate::message::Message;
use control::{Placement, TableEntry};
use model::operation::{
    DescribeContinuousBackupsReply, DescribeEndpoints, DescribeEndpointsReply, DescribeLimitsReply,
    DescribeTimeToLiveReply, Endpoint, ListTagsOfResource, ListTagsOfResourceReply, Query, Reply, Request, Scan,
    resolve_table_name, resource_not_found,
};
use model::{Error, Text};
use partition::{Operation, QueryWork, ReplyToken, Statistics, Ticket, Waiter};
use runtime::CoreId;
use std::sync::Arc;

/// The worker that owns the catalog.
pub(crate) const CATALOG_CORE: CoreId = CoreId(0);
/// Minutes for which a client may remember the endpoint.
// DynamoDB: observed: 1440.
const ENDPOINT_CACHE_MINUTES: u32 = 1_440;

impl Engine {
    /// Takes a request. Its reply appears among [`Engine::replies`] under `token`, now or in a later turn.
    pub fn submit(&mut self, token: ReplyToken, request: Request) {
        self.metrics.request_count += 1;
        if let Err(error) = self.begin(token, request) {
            self.metrics.refused_count += u64::from(error.kind.is_retryable());
            self.reply(token, Err(error));
        }
    }

    fn begin(&mut self, token: ReplyToken, request: Request) -> Result<(), Error> {
        request.validate(&mut self.context.evaluator)?;
        admit(self.outbox.len())?;
        match request {
            Request::GetItem(get) => {
                let table = Arc::clone(self.router.table(get.table_name.as_ref())?);
                get.check_selection(&mut self.context.evaluator, &table.definition)?;
                let (place, key) = self.router.route_key(&table, &get.key)?;
                self.ask_owner(token, place, Operation::GetItem(key, get));
            }
            Request::PutItem(put) => {
                let table = Arc::clone(self.router.table(put.table_name.as_ref())?);
                let (place, key) = self.router.route_item(&table, &put.item)?;
                self.ask_owner(token, place, Operation::PutItem(key, put));
            }
            Request::DeleteItem(delete) => {
                let table = Arc::clone(self.router.table(delete.table_name.as_ref())?);
                let (place, key) = self.router.route_key(&table, &delete.key)?;
                self.ask_owner(token, place, Operation::DeleteItem(key, delete));
            }
            Request::UpdateItem(update) => {
                let table = Arc::clone(self.router.table(update.table_name.as_ref())?);
                let (place, key) = self.router.route_key(&table, &update.key)?;
                self.ask_owner(token, place, Operation::UpdateItem(key, update));
            }
            Request::Query(query) => self.begin_query(token, *query)?,
            Request::Scan(scan) => self.begin_scan(token, *scan)?,
            Request::BatchGetItem(batch) => {
                let (batch, parts) = BatchGet::begin(&mut self.router, &mut self.context.evaluator, batch)?;
                self.coordinate(token, Coordination::BatchGet(batch), parts);
            }
            Request::BatchWriteItem(batch) => {
                let (batch, parts) = BatchWrite::begin(&mut self.router, batch)?;
                self.coordinate(token, Coordination::BatchWrite(batch), parts);
            }
            request @ (Request::UpdateTable(_) | Request::DeleteTable(_)) => self.begin_change(token, request)?,
            request @ (Request::CreateTable(_)
            | Request::UpdateTimeToLive(_)
            | Request::TagResource(_)
            | Request::UntagResource(_)) => self.ask_catalog(token, Box::new(request), Statistics::default()),
            request => self.begin_description(token, request)?,
        }
        Ok(())
    }

    /// A change of a table whose reply describes it: the owners tell how much it holds, then the catalog decides. What is
    /// no table for the router may be one for the catalog, or be refused there.
    fn begin_change(&mut self, token: ReplyToken, request: Request) -> Result<(), Error> {
        let name = request.table_name().expect("validated: the table is named")?;
        let Some(table) = self.router.find(name) else {
            self.ask_catalog(token, Box::new(request), Statistics::default());
            return Ok(());
        };
        let (describe, parts) = Describe::begin(table, self.runtime.wall_clock_ms(), Some(Box::new(request)));
        self.coordinate(token, Coordination::Describe(describe), parts);
        Ok(())
    }

    /// Lets the catalog decide about a request.
    pub(crate) fn ask_catalog(&mut self, token: ReplyToken, request: Box<Request>, statistics: Statistics) {
        let ticket = self.ticket(token);
        self.outbox.push(CATALOG_CORE, Message::Control { ticket, request, statistics });
    }

    fn begin_description(&mut self, token: ReplyToken, request: Request) -> Result<(), Error> {
        let reply = match request {
            Request::DescribeTable(describe) => {
                let name = resolve_table_name(describe.table_name.as_ref().expect("validated: the table is named"))?;
                let table = self.router.find(name).ok_or_else(|| Error::table_not_found(name))?;
                let (describe, parts) = Describe::begin(table, self.runtime.wall_clock_ms(), None);
                self.coordinate(token, Coordination::Describe(describe), parts);
                return Ok(());
            }
            Request::ListTables(list) => {
                let names: Vec<Text> =
                    self.router.tables().map(|table| table.definition.name.as_str().into()).collect();
                Reply::ListTables(list.reply(names.iter()))
            }
            Request::DescribeEndpoints(request) => Reply::DescribeEndpoints(self.describe_endpoints(request)),
            Request::DescribeLimits(_) => Reply::DescribeLimits(DescribeLimitsReply::DEFAULT),
            Request::DescribeTimeToLive(describe) => {
                let table = self.existing(describe.table_name.as_ref())?;
                let now_ms = self.runtime.wall_clock_ms();
                let reply = DescribeTimeToLiveReply::of(&table.definition, now_ms, self.table_delay_ms);
                Reply::DescribeTimeToLive(reply)
            }
            Request::DescribeContinuousBackups(describe) => {
                let name = resolve_table_name(describe.table_name.as_ref().expect("validated: the table is named"))?;
                self.router.find(name).ok_or_else(|| Error::table_of_backups_not_found(name))?;
                Reply::DescribeContinuousBackups(DescribeContinuousBackupsReply)
            }
            Request::ListTagsOfResource(list) => Reply::ListTagsOfResource(self.list_tags(&list)?),
            _ => panic!("requests about items and changes of tables are begun elsewhere"),
        };
        self.reply(token, Ok(reply));
        Ok(())
    }

    fn begin_query(&mut self, token: ReplyToken, query: Query) -> Result<(), Error> {
        let table = self.router.table(query.table_name.as_ref())?;
        let range = query.bind(&mut self.context.evaluator, &table.definition)?;
        let place = table.placement(range.keys.hash);
        self.ask_owner(token, place, Operation::Query(Box::new(QueryWork::new(range, query))));
        Ok(())
    }

    fn begin_scan(&mut self, token: ReplyToken, scan: Scan) -> Result<(), Error> {
        let table = self.router.table(scan.table_name.as_ref())?;
        let (scan, part) = ScanAll::begin(&mut self.context.evaluator, table, scan)?;
        self.coordinate(token, Coordination::Scan(Box::new(scan)), vec![part]);
        Ok(())
    }

    fn ask_owner(&mut self, token: ReplyToken, place: Placement, operation: Operation) {
        let ticket = self.ticket(token);
        self.dispatch(ticket, (place.core, place.partition), operation);
    }

    fn ticket(&self, token: ReplyToken) -> Ticket {
        Ticket { core: self.core(), waiter: Waiter::Caller(token) }
    }

    fn existing(&self, name: Option<&Text>) -> Result<&Arc<TableEntry>, Error> {
        let name = resolve_table_name(name.expect("validated: the table is named"))?;
        self.router.find(name).ok_or_else(|| Error::table_not_found(name))
    }

    fn list_tags(&self, request: &ListTagsOfResource) -> Result<ListTagsOfResourceReply, Error> {
        let name = request.resolve()?;
        let table = self.router.find(name).ok_or_else(|| {
            resource_not_found(request.resource_arn.as_ref().expect("validated: the resource is named"))
        })?;
        let tags = table.definition.tags.iter().map(|tag| (tag.key.as_str().into(), tag.value.as_str().into()));
        Ok(ListTagsOfResourceReply { tags: tags.collect() })
    }

    fn describe_endpoints(&self, request: DescribeEndpoints) -> DescribeEndpointsReply {
        // Where the caller has reached the server it will do so again; the address that is listened on may be all of the machine's.
        let address = request.host.unwrap_or_else(|| self.endpoint.clone());
        DescribeEndpointsReply { endpoints: vec![Endpoint { address, cache_period_minutes: ENDPOINT_CACHE_MINUTES }] }
    }
}
