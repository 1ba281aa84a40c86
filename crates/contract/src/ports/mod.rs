//! What the pipeline, the edge and the admin API ask of the features. Each trait has one file.
//!
//! A port is called through `dyn`; hot ones return [`Answer`], which costs no allocation when the answer is at hand.

mod answer;
mod clock;
mod identity;
mod meter;
mod provider;
mod recorder;
mod router;
mod service;
mod state;
mod store;
mod tokens;
mod upstream;

pub use answer::{Answer, BoxFuture};
pub use clock::Clock;
pub use identity::{KeyAdmin, KeyLimits, KeySource, KeySpec, KeyView, Keyring, MintedKey};
pub use meter::{Ask, Hold, Meter, Spent};
pub use provider::{Call, Provider, ProviderReply, SharedProvider, StoredCall};
pub use recorder::{
    AttemptEntry, CostKind, Entries, Outcome, RecordError, Recorder, RequestEntry, Settled, Stage,
    StageTimes, Telemetry,
};
pub use router::{
    Capabilities, Deployment, Health, ModelCard, Plan, Price, PriceTier, RetryPolicy, Router, Searches,
    ServiceTier, Timeouts,
};
pub use service::{
    Arrived, Exposition, FaultRenderer, HttpService, Llm, ModelsAsk, PathFacts, Readiness, StoredAction,
    StoredAsk,
};
pub use state::{
    Anchor, Holder, KeptMessage, Making, NativeBlocks, ResponseStore, StoredResponse, Tenant, made_id,
    made_stem, response_of,
};
pub use store::{
    LedgerFilter, LedgerLine, LedgerStore, LogFilter, LogStore, Page, PageRequest, Resource, ResourceKind,
    ResourceStore, StoreError,
};
pub use tokens::{Count, InputSize, TokenCounter};
pub use upstream::{Outbound, Phase, PoolState, Upstream, UpstreamFailure};
