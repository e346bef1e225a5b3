//! What becomes of a bucket's objects with time.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, ExpirationStatus, LifecycleExpiration, LifecycleRule as Rule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, NoncurrentVersionTransition, Transition, TransitionStorageClass,
};
use payinfra_engine::{Class, Error};
use serde::{Deserialize, Serialize};

/// One rule of a lifecycle. Times are in days.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// Its name.
    pub id: String,
    /// What the names of its objects begin with; empty means all objects.
    pub prefix: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// When current objects move, by storage class.
    pub transitions: BTreeMap<String, i32>,
    /// When replaced and deleted versions move, by storage class.
    pub noncurrent_transitions: BTreeMap<String, i32>,
    /// When current objects are deleted.
    pub expire_after: Option<i32>,
    /// When replaced and deleted versions are removed for good.
    pub noncurrent_expire_after: Option<i32>,
    /// Whether a delete marker expires when it hides no version any more.
    pub remove_delete_markers: bool,
    /// When unfinished uploads are aborted.
    pub abort_uploads_after: Option<i32>,
}

pub(super) fn from_s3(rule: &Rule) -> LifecycleRule {
    let class = |class: Option<&TransitionStorageClass>| class.map(|class| class.as_str().to_owned());
    let expiration = rule.expiration();
    LifecycleRule {
        id: rule.id().unwrap_or_default().to_owned(),
        prefix: rule.filter().and_then(|filter| filter.prefix()).unwrap_or_default().to_owned(),
        enabled: *rule.status() == ExpirationStatus::Enabled,
        transitions: rule
            .transitions()
            .iter()
            .filter_map(|transition| Some((class(transition.storage_class())?, transition.days()?)))
            .collect(),
        noncurrent_transitions: rule
            .noncurrent_version_transitions()
            .iter()
            .filter_map(|transition| Some((class(transition.storage_class())?, transition.noncurrent_days()?)))
            .collect(),
        expire_after: expiration.and_then(|expiration| expiration.days()).filter(|days| *days > 0),
        noncurrent_expire_after: rule
            .noncurrent_version_expiration()
            .and_then(|expiration| expiration.noncurrent_days()),
        remove_delete_markers: expiration
            .and_then(|expiration| expiration.expired_object_delete_marker())
            .unwrap_or_default(),
        abort_uploads_after: rule.abort_incomplete_multipart_upload().and_then(|abort| abort.days_after_initiation()),
    }
}

pub(super) fn to_s3(rule: &LifecycleRule) -> Result<Rule, Error> {
    let transition = |(class, days): (&String, &i32)| {
        Transition::builder().days(*days).storage_class(TransitionStorageClass::from(class.as_str())).build()
    };
    let noncurrent = |(class, days): (&String, &i32)| {
        let class = TransitionStorageClass::from(class.as_str());
        NoncurrentVersionTransition::builder().noncurrent_days(*days).storage_class(class).build()
    };
    // S3 does not take days and markers in one rule.
    let expiration = match (rule.expire_after, rule.remove_delete_markers) {
        (None, false) => None,
        (days, markers) => {
            let markers = markers.then_some(true);
            Some(LifecycleExpiration::builder().set_days(days).set_expired_object_delete_marker(markers).build())
        }
    };
    Rule::builder()
        .id(&rule.id)
        .filter(LifecycleRuleFilter::builder().prefix(&rule.prefix).build())
        .status(if rule.enabled { ExpirationStatus::Enabled } else { ExpirationStatus::Disabled })
        .set_transitions(some(rule.transitions.iter().map(transition).collect()))
        .set_noncurrent_version_transitions(some(rule.noncurrent_transitions.iter().map(noncurrent).collect()))
        .set_expiration(expiration)
        .set_noncurrent_version_expiration(
            rule.noncurrent_expire_after
                .map(|days| NoncurrentVersionExpiration::builder().noncurrent_days(days).build()),
        )
        .set_abort_incomplete_multipart_upload(
            rule.abort_uploads_after
                .map(|days| AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build()),
        )
        .build()
        .map_err(|error| Error::new(Class::Invalid, "PutBucketLifecycleConfiguration", error.to_string()))
}

/// An empty list is left out of the request.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
