//! What stands in a store that anything may have written to: read or refused, and written as it was read.

use super::answer::NOW;
use seakeep::model::{Conflict, ConflictLog, Document, Lease, Pending, PullState, Record, Row, Stats};
use seakeep::native::Json;

/// Each line is a record, read as every kind of record there is.
pub(super) fn records(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for record in text.lines().take(20).filter_map(Json::parse) {
        check::<Pending<Json>>(&record);
        check::<Row<Json>>(&record);
        check::<PullState<Json>>(&record);
        check::<Conflict<Json>>(&record);
        check::<ConflictLog>(&record);
        check::<Lease>(&record);
        check::<Stats>(&record);
        if let Some(change) = Pending::<Json>::from_record(&record) {
            assert!(change.wait.is_none_or(|wait| wait.is_over(NOW) || wait.until > NOW), "a wait ends");
        }
    }
}

/// Once read, a record is written and read the same for ever.
fn check<R: Record<Json>>(record: &Json) {
    if let Some(read) = R::from_record(record) {
        let written = read.to_record();
        let again = R::from_record(&written).expect("what was written can be read");
        assert!(again.to_record().same(&written), "a record changes by being read");
    }
}
