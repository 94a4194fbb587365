//! Failures with a stable code.
//!
//! A failure says what went wrong by code and in one sentence, where it helps the status, and whether the same call
//! can succeed later. It never holds document content. Texts for people are the face's, by code.

use super::{Document, Listed, Time};
use core::fmt;
use core::ops::{Deref, DerefMut};

/// The stable codes that the engine and the protocol give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the public codes of the error table, named as they are")]
pub enum Code {
    Aborted,
    AdapterResult,
    AlreadyExists,
    AuthFailed,
    AuthRequired,
    AuthTimeout,
    BadResponse,
    BreakerOpen,
    BulkDuplicateId,
    CaptivePortal,
    Client,
    Closed,
    Conflict,
    DbOpenTimeout,
    DbUpgradeBlocked,
    DbVersionNewer,
    Discarded,
    Forbidden,
    HeaderInvalid,
    HeaderReserved,
    IdMapConflict,
    IdMismatch,
    IdReserved,
    InFlight,
    IntegrityFailed,
    MutationUnknown,
    Network,
    NetworkBlocked,
    NotFound,
    OutboxFull,
    PatchType,
    PendingExist,
    PullNoProgress,
    QueryTooLarge,
    QuotaExceeded,
    RateLimited,
    ReferenceCycle,
    ReferenceMissing,
    ResolverFailed,
    ResolverResult,
    ResolverTimeout,
    ResponseTooDeep,
    ResponseTooLarge,
    SchemaChanged,
    Server,
    ServerFull,
    StorageUnavailable,
    StoreUnknown,
    Timeout,
    TooLarge,
    TransportResult,
    TxAborted,
    TxConflict,
    TxTimeout,
    UnexpectedRedirect,
    UniqueViolation,
    UpgradeRequired,
    Validation,
}

/// Every code with its text: the one list both directions are made from.
const CODES: &[(Code, &str)] = &[
    (Code::Aborted, "ABORTED"),
    (Code::AdapterResult, "ADAPTER_RESULT"),
    (Code::AlreadyExists, "ALREADY_EXISTS"),
    (Code::AuthFailed, "AUTH_FAILED"),
    (Code::AuthRequired, "AUTH_REQUIRED"),
    (Code::AuthTimeout, "AUTH_TIMEOUT"),
    (Code::BadResponse, "BAD_RESPONSE"),
    (Code::BreakerOpen, "BREAKER_OPEN"),
    (Code::BulkDuplicateId, "BULK_DUPLICATE_ID"),
    (Code::CaptivePortal, "CAPTIVE_PORTAL"),
    (Code::Client, "CLIENT"),
    (Code::Closed, "CLOSED"),
    (Code::Conflict, "CONFLICT"),
    (Code::DbOpenTimeout, "DB_OPEN_TIMEOUT"),
    (Code::DbUpgradeBlocked, "DB_UPGRADE_BLOCKED"),
    (Code::DbVersionNewer, "DB_VERSION_NEWER"),
    (Code::Discarded, "DISCARDED"),
    (Code::Forbidden, "FORBIDDEN"),
    (Code::HeaderInvalid, "HEADER_INVALID"),
    (Code::HeaderReserved, "HEADER_RESERVED"),
    (Code::IdMapConflict, "ID_MAP_CONFLICT"),
    (Code::IdMismatch, "ID_MISMATCH"),
    (Code::IdReserved, "ID_RESERVED"),
    (Code::InFlight, "IN_FLIGHT"),
    (Code::IntegrityFailed, "INTEGRITY_FAILED"),
    (Code::MutationUnknown, "MUTATION_UNKNOWN"),
    (Code::Network, "NETWORK"),
    (Code::NetworkBlocked, "NETWORK_BLOCKED"),
    (Code::NotFound, "NOT_FOUND"),
    (Code::OutboxFull, "OUTBOX_FULL"),
    (Code::PatchType, "PATCH_TYPE"),
    (Code::PendingExist, "PENDING_EXIST"),
    (Code::PullNoProgress, "PULL_NO_PROGRESS"),
    (Code::QueryTooLarge, "QUERY_TOO_LARGE"),
    (Code::QuotaExceeded, "QUOTA_EXCEEDED"),
    (Code::RateLimited, "RATE_LIMITED"),
    (Code::ReferenceCycle, "REFERENCE_CYCLE"),
    (Code::ReferenceMissing, "REFERENCE_MISSING"),
    (Code::ResolverFailed, "RESOLVER_FAILED"),
    (Code::ResolverResult, "RESOLVER_RESULT"),
    (Code::ResolverTimeout, "RESOLVER_TIMEOUT"),
    (Code::ResponseTooDeep, "RESPONSE_TOO_DEEP"),
    (Code::ResponseTooLarge, "RESPONSE_TOO_LARGE"),
    (Code::SchemaChanged, "SCHEMA_CHANGED"),
    (Code::Server, "SERVER"),
    (Code::ServerFull, "SERVER_FULL"),
    (Code::StorageUnavailable, "STORAGE_UNAVAILABLE"),
    (Code::StoreUnknown, "STORE_UNKNOWN"),
    (Code::Timeout, "TIMEOUT"),
    (Code::TooLarge, "TOO_LARGE"),
    (Code::TransportResult, "TRANSPORT_RESULT"),
    (Code::TxAborted, "TX_ABORTED"),
    (Code::TxConflict, "TX_CONFLICT"),
    (Code::TxTimeout, "TX_TIMEOUT"),
    (Code::UnexpectedRedirect, "UNEXPECTED_REDIRECT"),
    (Code::UniqueViolation, "UNIQUE_VIOLATION"),
    (Code::UpgradeRequired, "UPGRADE_REQUIRED"),
    (Code::Validation, "VALIDATION"),
];

impl Code {
    /// Whether a transaction that ended so may have been committed all the same: it did not end in time, or its connection
    /// was lost for good.
    pub const fn may_be_done(self) -> bool {
        matches!(self, Self::TxTimeout | Self::StorageUnavailable)
    }

    /// The stable text of this code.
    pub fn as_str(self) -> &'static str {
        CODES.iter().find(|(code, _)| *code == self).map_or("CLIENT", |(_, text)| text)
    }

    /// The code of a text.
    pub fn try_from_text(text: &str) -> Option<Self> {
        CODES.iter().find(|(_, known)| *known == text).map(|(code, _)| *code)
    }

    /// Whether a later identical call can succeed without anyone changing anything (I-42).
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Network
                | Self::Timeout
                | Self::Server
                | Self::ServerFull
                | Self::BreakerOpen
                | Self::RateLimited
                | Self::CaptivePortal
                | Self::BadResponse
                | Self::AuthRequired
                | Self::AuthFailed
                | Self::AuthTimeout
                | Self::InFlight
                | Self::OutboxFull
                | Self::TxAborted
                | Self::TxConflict
                | Self::TxTimeout
                | Self::DbOpenTimeout
                | Self::DbUpgradeBlocked
                | Self::QuotaExceeded
                | Self::Conflict
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Something that went wrong, fit to be stored and shown. It never holds document content.
///
/// Behind a pointer: it stands in nearly every result, and moving it there in full costs code everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(Box<FailureBody>);

/// What a [`Failure`] says; its fields are read through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureBody {
    /// The stable code.
    pub code: Code,
    /// What, where, what to do; for developers.
    pub message: String,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// Messages by field, as the server gave them.
    pub fields: Vec<(String, String)>,
    /// When it happened.
    pub at: Time,
}

impl Failure {
    /// A failure with a message and nothing else.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(FailureBody { code, message: message.into(), status: None, fields: Vec::new(), at: 0 }))
    }

    /// The same failure with the status that caused it.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same failure, stamped.
    #[must_use]
    pub fn at(mut self, now: Time) -> Self {
        self.at = now;
        self
    }

    /// As the object that crosses the border and stands in the store.
    pub fn to_document<D: Document>(&self) -> D {
        let status = self.status.map(|status| D::number(f64::from(status)));
        let fields = (!self.fields.is_empty()).then(|| {
            let fields: Vec<(&str, Option<D>)> =
                self.fields.iter().map(|(field, text)| (field.as_str(), Some(D::text(text)))).listed();
            D::of(&fields)
        });
        let mut parts = vec![
            ("code", Some(D::text(self.code.as_str()))),
            ("message", Some(D::text(&self.message))),
            ("retryable", Some(D::boolean(self.code.is_retryable()))),
            ("at", Some(D::number(self.at as f64))),
        ];
        parts.extend(status.map(|status| ("status", Some(status))));
        parts.extend(fields.map(|fields| ("fields", Some(fields))));
        D::of(&parts)
    }

    /// Reads what [`Failure::to_document`] wrote; `None` when it is something else.
    pub fn from_document<D: Document>(from: &D) -> Option<Self> {
        let fields = from.get("fields").map_or_else(Vec::new, |fields| {
            fields.fields().into_iter().filter_map(|name| Some((name.clone(), fields.text_of(&name)?))).listed()
        });
        Some(Self(Box::new(FailureBody {
            code: Code::try_from_text(&from.text_of("code")?)?,
            message: from.text_of("message")?,
            status: from.number_of("status").map(|status| status as u16),
            fields,
            at: from.number_of("at").unwrap_or(0.0) as Time,
        })))
    }
}

impl Deref for Failure {
    type Target = FailureBody;

    fn deref(&self) -> &FailureBody {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut FailureBody {
        &mut self.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_text_and_comes_back_from_it() {
        for (code, text) in CODES {
            assert_eq!(code.as_str(), *text);
            assert_eq!(Code::try_from_text(text), Some(*code));
        }
        assert!(CODES.windows(2).all(|pair| pair[0] < pair[1]), "the list is in the order of the enum, without gaps");
        assert_eq!(CODES.len(), Code::Validation as usize + 1, "no code is left out");
    }
}
