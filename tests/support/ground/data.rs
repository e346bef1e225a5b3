//! RDS, KMS, S3.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::{Fill, Gap, Kept};
use crate::support::aws_rules::{Asked, inside, map_elements};
use crate::support::proxy::Answer;

const INSIGHTS: [&str; 3] =
    ["EnablePerformanceInsights", "PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod"];

/// What of a proxy can be changed.
const PROXY: [&str; 5] = ["RoleArn", "RequireTLS", "IdleClientTimeout", "DebugLogging", "DefaultAuthScheme"];

pub const GAPS: &[Gap] = &[
    Gap {
        id: "performance-insights",
        lacks: "Performance Insights of an instance",
        fill: Fill::Keep(&["rds:CreateDBInstance", "rds:ModifyDBInstance"], |kept, asked, _, _| {
            let instance = kept.of("instance", &asked.form("DBInstanceIdentifier").unwrap_or_default());
            for field in INSIGHTS {
                if let Some(value) = asked.form(field) {
                    instance[field.replace("Enable", "")] = value.into();
                }
            }
        }),
    },
    Gap {
        id: "performance-insights",
        lacks: "Performance Insights of an instance",
        fill: Fill::Whole(&["rds:DescribeDBInstances"], |kept, _, answer| {
            rewrite(answer, |text| {
                map_elements(text, "DBInstance", |instance| {
                    let kept = kept.of("instance", inside(instance, "DBInstanceIdentifier").unwrap_or_default());
                    with_members(instance, "DBInstance", kept, |member| match member {
                        "PerformanceInsights" => "PerformanceInsightsEnabled",
                        "PerformanceInsightsKMSKeyId" => "PerformanceInsightsKMSKeyId",
                        _ => "PerformanceInsightsRetentionPeriod",
                    })
                })
            });
        }),
    },
    Gap {
        id: "proxy-auth",
        lacks: "proxies without a list of secrets",
        fill: Fill::Request(&["rds:CreateDBProxy"], |asked| {
            Some(format!("{}&Auth=", String::from_utf8_lossy(&asked.body)))
        }),
    },
    Gap {
        id: "proxy-auth",
        lacks: "the default scheme of a proxy",
        fill: Fill::Keep(&["rds:CreateDBProxy"], |kept, asked, _, _| keep_proxy(kept, asked, &["DefaultAuthScheme"])),
    },
    Gap {
        id: "proxy-changes",
        lacks: "ModifyDBProxy",
        fill: Fill::Answer(&["rds:ModifyDBProxy"], |kept, asked| {
            keep_proxy(kept, asked, &PROXY);
            Some((200, "<ModifyDBProxyResponse><ModifyDBProxyResult/></ModifyDBProxyResponse>".to_owned()))
        }),
    },
    Gap {
        id: "proxy-changes",
        lacks: "what was changed of a proxy",
        fill: Fill::Whole(&["rds:DescribeDBProxies"], |kept, _, answer| {
            rewrite(answer, |text| {
                map_elements(text, "DBProxies", |proxies| {
                    let inner = inside_of(proxies, "DBProxies");
                    let inner = map_elements(inner, "member", |proxy| {
                        let kept = kept.of("proxy", inside(proxy, "DBProxyName").unwrap_or_default());
                        with_members(proxy, "member", kept, |member| member)
                    });
                    format!("<DBProxies>{inner}</DBProxies>")
                })
            });
        }),
    },
    Gap {
        id: "rotation-period",
        lacks: "the days between two rotations of a key",
        fill: Fill::Keep(&["kms:EnableKeyRotation"], |kept, asked, _, _| {
            let request = asked.json();
            *kept.of("rotation", last(&request["KeyId"])) = request["RotationPeriodInDays"].clone();
        }),
    },
    Gap {
        id: "rotation-period",
        lacks: "the days between two rotations of a key",
        fill: Fill::Json(&["kms:GetKeyRotationStatus"], |kept, asked, answer| {
            let days = kept.of("rotation", last(&asked.json()["KeyId"]));
            if answer["KeyRotationEnabled"] == true && !days.is_null() {
                answer["RotationPeriodInDays"] = days.clone();
            }
        }),
    },
    Gap {
        id: "bucket-versioning",
        lacks: "the name of the root element that the SDK reads",
        fill: Fill::Whole(&["s3:GetBucketVersioning"], |_, _, answer| {
            rewrite(answer, |text| text.replace("GetBucketVersioningResponse", "VersioningConfiguration"));
        }),
    },
    Gap {
        id: "bucket-tags",
        lacks: "the tags that a bucket is created with",
        fill: Fill::Keep(&["s3:CreateBucket"], |kept, asked, _, _| {
            let body = String::from_utf8_lossy(&asked.body).into_owned();
            if let Some(tags) = inside(&body, "Tags") {
                *kept.of("bucket-tags", bucket(asked)) = tags.into();
            }
        }),
    },
    Gap {
        id: "bucket-tags",
        lacks: "the tags that a bucket is created with",
        fill: Fill::Keep(&["s3:PutBucketTagging", "s3:DeleteBucket"], |kept, asked, _, _| {
            *kept.of("bucket-tags", bucket(asked)) = Value::Null;
        }),
    },
    Gap {
        id: "bucket-tags",
        lacks: "the tags that a bucket is created with",
        fill: Fill::Whole(&["s3:GetBucketTagging"], |kept, asked, answer| {
            let untagged = String::from_utf8_lossy(&answer.body).contains("NoSuchTagSet");
            if let Some(tags) = kept.of("bucket-tags", bucket(asked)).as_str().filter(|_| untagged) {
                answer.status = StatusCode::OK;
                answer.body = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>").into();
            }
        }),
    },
    Gap {
        id: "small-objects",
        lacks: "the smallest size of a transition, which is a header",
        fill: Fill::Keep(&["s3:PutBucketLifecycleConfiguration"], |kept, asked, headers, _| {
            let size = headers.get(SMALLEST).and_then(|size| size.to_str().ok());
            *kept.of("small-objects", bucket(asked)) =
                size.map_or(json!("all_storage_classes_128K"), |size| json!(size));
        }),
    },
    Gap {
        id: "small-objects",
        lacks: "the smallest size of a transition, which is a header",
        fill: Fill::Whole(&["s3:GetBucketLifecycleConfiguration"], |kept, asked, answer| {
            if let Some(size) = kept.of("small-objects", bucket(asked)).as_str() {
                answer.headers.insert(SMALLEST, size.parse().unwrap());
            }
        }),
    },
];

const SMALLEST: &str = "x-amz-transition-default-minimum-object-size";

/// The bucket of a request that names it in the path.
fn bucket(asked: &Asked) -> &str {
    asked.path.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default()
}

/// The id at the end of an ARN, or the id that it is.
fn last(arn: &Value) -> &str {
    arn.as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default()
}

fn keep_proxy(kept: &mut Kept, asked: &Asked, fields: &[&str]) {
    let proxy = kept.of("proxy", &asked.form("DBProxyName").unwrap_or_default());
    for field in fields {
        if let Some(value) = asked.form(field) {
            proxy[field] = value.into();
        }
    }
}

fn rewrite(answer: &mut Answer, rewrite: impl FnOnce(&str) -> String) {
    answer.body = Bytes::from(rewrite(&String::from_utf8_lossy(&answer.body)));
}

/// The text of an element that may hold others of its name.
fn inside_of<'a>(element: &'a str, name: &str) -> &'a str {
    let front = element.strip_prefix(&format!("<{name}>")).unwrap_or(element);
    front.strip_suffix(&format!("</{name}>")).unwrap_or(front)
}

/// An element with each member that is kept, in place of the one that it has.
fn with_members(element: &str, name: &str, kept: &Value, called: fn(&str) -> &str) -> String {
    let mut inner = inside_of(element, name).to_owned();
    for (member, value) in kept.as_object().into_iter().flatten() {
        let member = called(member);
        let value = value.as_str().unwrap_or_default();
        inner = map_elements(&inner, member, |_| String::new()) + &format!("<{member}>{value}</{member}>");
    }
    format!("<{name}>{inner}</{name}>")
}
