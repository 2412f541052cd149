//! The client: finds the connection for a request, asks, and learns from the answer.
//!
//! Cheap to clone, shared by all tasks of an application; the connections close when the last clone is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::Text;
use model::operation::{Reply, Request};
use tokio::sync::Mutex;
use tokio::time::timeout;
use wire::PartitionMap;

use crate::connection::{Connection, Opened};
use crate::error::{ConnectionError, Error};
use crate::options::{ClientOptions, READ_ATTEMPTS_COUNT_MAX};
use crate::route::{Place, Route, Routes, routed_table};
use crate::session::{Answered, Question};

/// A client of one Stator node.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: Arc<ClientOptions>,
    /// One per core, by ascending core.
    connections: Vec<(u16, Connection)>,
    /// Where the next request goes that any core can answer.
    next: AtomicUsize,
    routes: Routes,
    /// Held by who asks for a map, so that many callers of a new table ask once.
    learning: Mutex<()>,
}

impl Client {
    /// Connects to the node that listens at `address`: any core's host and port.
    ///
    /// # Errors
    /// No connection, or no Stator on the other end. The other cores' connections are made in the background.
    pub async fn connect(address: &str) -> Result<Client, Error> {
        Client::connect_with(address, ClientOptions::default()).await
    }

    /// As [`Client::connect`], with options.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_with(address: &str, options: ClientOptions) -> Result<Client, Error> {
        let options = Arc::new(options);
        let first = Opened::connect(address, &options).await?;
        let host = first.host().map_err(|error| Error::NotConnected(error.into()))?;
        let first_core = first.welcome.core;
        let endpoints = first.welcome.cores.clone();
        let mut first = Some(first);
        let mut connections = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let host = if endpoint.address.is_empty() { &host } else { &endpoint.address };
            let opened = if endpoint.core == first_core { first.take() } else { None };
            let address = socket_address(host, endpoint.port);
            connections.push((endpoint.core, Connection::start(address, Arc::clone(&options), opened)));
        }
        connections.sort_by_key(|(core, _)| *core);
        let shared = Shared {
            options,
            connections,
            next: AtomicUsize::new(0),
            routes: Routes::default(),
            learning: Mutex::new(()),
        };
        Ok(Client { shared: Arc::new(shared) })
    }

    /// Sends one request and waits for its reply. The methods named as the operations are friendlier.
    ///
    /// # Errors
    /// DynamoDB's own, or why there is no answer.
    pub async fn call(&self, request: Request) -> Result<Reply, Error> {
        let answer = timeout(self.shared.options.request_timeout, self.attempt(request)).await;
        answer.unwrap_or_else(|_| Err(self.timed_out()))
    }

    /// The partition map of a table, from the server.
    ///
    /// # Errors
    /// No such table, or why there is no answer.
    pub async fn partition_map(&self, table_name: &str) -> Result<PartitionMap, Error> {
        let answer = timeout(self.shared.options.request_timeout, self.ask_map(table_name)).await;
        answer.unwrap_or_else(|_| Err(self.timed_out()))
    }

    async fn attempt(&self, request: Request) -> Result<Reply, Error> {
        let attempt_count = if is_read(&request) { READ_ATTEMPTS_COUNT_MAX } else { 1 };
        for _ in 1..attempt_count {
            match self.ask_once(request.clone()).await {
                Err(Error::Lost(_)) => {}
                result => return result,
            }
        }
        self.ask_once(request).await
    }

    async fn ask_once(&self, request: Request) -> Result<Reply, Error> {
        let table_name = routed_table(&request).cloned();
        let route = match &table_name {
            Some(table_name) => self.route(table_name).await,
            None => None,
        };
        let place = route.as_ref().map(|route| route.place(&request));
        let connection = match place {
            Some(Place::Core(core)) => self.connection_to(core),
            Some(Place::Unknown) | None => self.any_connection(),
        };
        let changed_table = changed_table(&request).cloned();
        let answered = connection.ask(Question::Operation(Box::new(request))).await?;
        if let Some(table_name) = changed_table {
            self.shared.routes.forget(&table_name);
        }
        let (result, is_forwarded) = match answered {
            Answered::Operation { reply, is_forwarded } => (Ok(*reply), is_forwarded),
            Answered::Failure { error, is_forwarded } => (Err(Error::Service(error)), is_forwarded),
            Answered::Partitions(_) => return Err(Error::WrongReply),
        };
        if let (Some(table_name), Some(route), Some(place)) = (table_name, route, place)
            && (is_forwarded || matches!(place, Place::Unknown))
        {
            self.refresh(table_name, route);
        }
        result
    }

    /// What is known of a table; asks the server the first time. None if the server does not tell: the request itself
    /// then earns the right error from any core.
    async fn route(&self, table_name: &Text) -> Option<Arc<Route>> {
        if let Some(route) = self.shared.routes.find(table_name) {
            return Some(route);
        }
        let _only = self.shared.learning.lock().await;
        if let Some(route) = self.shared.routes.find(table_name) {
            return Some(route);
        }
        let map = self.ask_map(table_name).await.ok()?;
        Some(self.shared.routes.learn(table_name, map))
    }

    /// Asks for a table's map again, in the background, unless that was done just now.
    fn refresh(&self, table_name: Text, route: Arc<Route>) {
        if !route.begin_refresh() {
            return;
        }
        let client = self.clone();
        tokio::spawn(async move {
            match client.partition_map(&table_name).await {
                Ok(map) => drop(client.shared.routes.learn(&table_name, map)),
                Err(Error::Service(_)) => client.shared.routes.forget(&table_name),
                Err(_) => route.end_refresh(),
            }
        });
    }

    async fn ask_map(&self, table_name: &str) -> Result<PartitionMap, Error> {
        match self.any_connection().ask(Question::Partitions(Text::from(table_name))).await? {
            Answered::Partitions(map) => Ok(*map),
            Answered::Failure { error, .. } => Err(Error::Service(error)),
            Answered::Operation { .. } => Err(Error::WrongReply),
        }
    }

    /// The connection to a core, or to another that works: any core answers any request.
    fn connection_to(&self, core: u16) -> &Connection {
        let connections = &self.shared.connections;
        let owner = connections.binary_search_by_key(&core, |(core, _)| *core).ok();
        let owner = owner.map(|place| &connections[place].1).filter(|connection| !connection.is_failing());
        owner.unwrap_or_else(|| self.any_connection())
    }

    fn any_connection(&self) -> &Connection {
        let connections = &self.shared.connections;
        // Relaxed: any order of turns will do.
        let turn = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let turn = turn % connections.len();
        let (before, after) = connections.split_at(turn);
        let mut in_turn = after.iter().chain(before).map(|(_, connection)| connection);
        // If none works, the caller waits for one.
        in_turn.find(|connection| !connection.is_failing()).unwrap_or(&connections[turn].1)
    }

    fn timed_out(&self) -> Error {
        let is_failing = self.shared.connections.iter().all(|(_, connection)| connection.is_failing());
        if is_failing { Error::NotConnected(ConnectionError::TimedOut) } else { Error::TimedOut }
    }
}

/// Whether a request may be sent again when its outcome is unknown.
fn is_read(request: &Request) -> bool {
    match request {
        Request::GetItem(_)
        | Request::Query(_)
        | Request::Scan(_)
        | Request::BatchGetItem(_)
        | Request::DescribeTable(_)
        | Request::ListTables(_)
        | Request::DescribeEndpoints(_)
        | Request::DescribeTimeToLive(_)
        | Request::DescribeContinuousBackups(_)
        | Request::ListTagsOfResource(_)
        | Request::DescribeLimits(_) => true,
        Request::PutItem(_)
        | Request::DeleteItem(_)
        | Request::UpdateItem(_)
        | Request::BatchWriteItem(_)
        | Request::CreateTable(_)
        | Request::DeleteTable(_)
        | Request::UpdateTable(_)
        | Request::UpdateTimeToLive(_)
        | Request::TagResource(_)
        | Request::UntagResource(_) => false,
    }
}

/// The table whose map a request may make obsolete.
fn changed_table(request: &Request) -> Option<&Text> {
    match request {
        Request::CreateTable(request) => request.table_name.as_ref(),
        Request::DeleteTable(request) => request.table_name.as_ref(),
        _ => None,
    }
}

fn socket_address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
