//! Names for requests that say what they are by method and path only.

use http::Method;
use http::request::Parts;

/// Method, path with `*` for one segment, operation.
type Row = (&'static str, &'static str, &'static str);

fn look_up(rows: &[Row], method: &Method, path: &str) -> Option<String> {
    rows.iter().find(|(verb, pattern, _)| *verb == method.as_str() && fits(pattern, path)).map(|row| row.2.to_owned())
}

fn fits(pattern: &str, path: &str) -> bool {
    let segments = || path.trim_matches('/').split('/');
    pattern.split('/').count() == segments().count()
        && pattern.split('/').zip(segments()).all(|(want, have)| want == "*" || want == have)
}

/// AWS Lambda; the date at the path's beginning is the API's version and says nothing.
pub fn lambda(method: &Method, path: &str) -> Option<String> {
    const ROWS: [Row; 41] = [
        ("POST", "functions", "CreateFunction"),
        ("GET", "functions", "ListFunctions"),
        ("GET", "functions/*", "GetFunction"),
        ("DELETE", "functions/*", "DeleteFunction"),
        ("PUT", "functions/*/code", "UpdateFunctionCode"),
        ("GET", "functions/*/configuration", "GetFunctionConfiguration"),
        ("PUT", "functions/*/configuration", "UpdateFunctionConfiguration"),
        ("POST", "functions/*/invocations", "Invoke"),
        ("POST", "functions/*/versions", "PublishVersion"),
        ("GET", "functions/*/versions", "ListVersionsByFunction"),
        ("POST", "functions/*/aliases", "CreateAlias"),
        ("GET", "functions/*/aliases", "ListAliases"),
        ("GET", "functions/*/aliases/*", "GetAlias"),
        ("PUT", "functions/*/aliases/*", "UpdateAlias"),
        ("DELETE", "functions/*/aliases/*", "DeleteAlias"),
        ("POST", "functions/*/policy", "AddPermission"),
        ("GET", "functions/*/policy", "GetPolicy"),
        ("DELETE", "functions/*/policy/*", "RemovePermission"),
        ("PUT", "functions/*/concurrency", "PutFunctionConcurrency"),
        ("GET", "functions/*/concurrency", "GetFunctionConcurrency"),
        ("DELETE", "functions/*/concurrency", "DeleteFunctionConcurrency"),
        ("PUT", "functions/*/provisioned-concurrency", "PutProvisionedConcurrencyConfig"),
        ("GET", "functions/*/provisioned-concurrency", "GetProvisionedConcurrencyConfig"),
        ("DELETE", "functions/*/provisioned-concurrency", "DeleteProvisionedConcurrencyConfig"),
        ("PUT", "functions/*/event-invoke-config", "PutFunctionEventInvokeConfig"),
        ("POST", "functions/*/event-invoke-config", "UpdateFunctionEventInvokeConfig"),
        ("GET", "functions/*/event-invoke-config", "GetFunctionEventInvokeConfig"),
        ("GET", "functions/*/event-invoke-config/list", "ListFunctionEventInvokeConfigs"),
        ("DELETE", "functions/*/event-invoke-config", "DeleteFunctionEventInvokeConfig"),
        ("PUT", "functions/*/runtime-management-config", "PutRuntimeManagementConfig"),
        ("GET", "functions/*/runtime-management-config", "GetRuntimeManagementConfig"),
        ("POST", "event-source-mappings", "CreateEventSourceMapping"),
        ("GET", "event-source-mappings", "ListEventSourceMappings"),
        ("GET", "event-source-mappings/*", "GetEventSourceMapping"),
        ("PUT", "event-source-mappings/*", "UpdateEventSourceMapping"),
        ("DELETE", "event-source-mappings/*", "DeleteEventSourceMapping"),
        ("GET", "tags/*", "ListTags"),
        ("POST", "tags/*", "TagResource"),
        ("DELETE", "tags/*", "UntagResource"),
        ("GET", "account-settings", "GetAccountSettings"),
        ("GET", "layers", "ListLayers"),
    ];
    look_up(&ROWS, method, path.trim_start_matches('/').split_once('/')?.1)
}

/// API Gateway's REST APIs: names follow from the last named part of the path, so one table of nouns is enough.
pub fn api_gateway(method: &Method, path: &str) -> Option<String> {
    // Pattern, what one is called, what many are called, and whether PUT rather than POST makes one.
    const NOUNS: [(&str, &str, &str, bool); 18] = [
        ("restapis", "RestApi", "RestApis", false),
        ("restapis/*/resources", "Resource", "Resources", false),
        ("restapis/*/resources/*/methods", "Method", "Methods", true),
        ("restapis/*/resources/*/methods/*/responses", "MethodResponse", "MethodResponses", true),
        ("restapis/*/resources/*/methods/*/integration/responses", "IntegrationResponse", "IntegrationResponses", true),
        ("restapis/*/models", "Model", "Models", false),
        ("restapis/*/requestvalidators", "RequestValidator", "RequestValidators", false),
        ("restapis/*/authorizers", "Authorizer", "Authorizers", false),
        ("restapis/*/gatewayresponses", "GatewayResponse", "GatewayResponses", true),
        ("restapis/*/deployments", "Deployment", "Deployments", false),
        ("restapis/*/stages", "Stage", "Stages", false),
        ("domainnames", "DomainName", "DomainNames", false),
        ("domainnames/*/basepathmappings", "BasePathMapping", "BasePathMappings", false),
        ("usageplans", "UsagePlan", "UsagePlans", false),
        ("usageplans/*/keys", "UsagePlanKey", "UsagePlanKeys", false),
        ("apikeys", "ApiKey", "ApiKeys", false),
        ("vpclinks", "VpcLink", "VpcLinks", false),
        ("clientcertificates", "ClientCertificate", "ClientCertificates", false),
    ];
    const OTHERS: [Row; 9] = [
        ("GET", "account", "GetAccount"),
        ("PATCH", "account", "UpdateAccount"),
        ("GET", "tags/*", "GetTags"),
        ("PUT", "tags/*", "TagResource"),
        ("DELETE", "tags/*", "UntagResource"),
        ("PUT", "restapis/*/resources/*/methods/*/integration", "PutIntegration"),
        ("GET", "restapis/*/resources/*/methods/*/integration", "GetIntegration"),
        ("PATCH", "restapis/*/resources/*/methods/*/integration", "UpdateIntegration"),
        ("DELETE", "restapis/*/resources/*/methods/*/integration", "DeleteIntegration"),
    ];
    let found = NOUNS.iter().find_map(|(pattern, one, many, by_put)| {
        match (method.as_str(), fits(pattern, path), fits(&format!("{pattern}/*"), path)) {
            ("GET", true, _) => Some(format!("Get{many}")),
            ("POST", true, _) => Some(format!("Create{one}")),
            ("GET", _, true) => Some(format!("Get{one}")),
            ("PUT", _, true) if *by_put || *one == "RestApi" => Some(format!("Put{one}")),
            // A resource is made below its parent: the path's last part is the parent's id.
            ("POST", _, true) if *one == "Resource" => Some("CreateResource".to_owned()),
            ("PATCH", _, true) => Some(format!("Update{one}")),
            ("DELETE", _, true) => Some(format!("Delete{one}")),
            _ => None,
        }
    });
    found.or_else(|| look_up(&OTHERS, method, path))
}

/// Route 53.
pub fn route53(method: &Method, path: &str) -> Option<String> {
    const ROWS: [Row; 16] = [
        ("POST", "hostedzone", "CreateHostedZone"),
        ("GET", "hostedzone", "ListHostedZones"),
        ("GET", "hostedzone/*", "GetHostedZone"),
        ("POST", "hostedzone/*", "UpdateHostedZoneComment"),
        ("DELETE", "hostedzone/*", "DeleteHostedZone"),
        ("POST", "hostedzone/*/rrset", "ChangeResourceRecordSets"),
        ("GET", "hostedzone/*/rrset", "ListResourceRecordSets"),
        ("GET", "hostedzonesbyname", "ListHostedZonesByName"),
        ("GET", "change/*", "GetChange"),
        ("GET", "tags/*/*", "ListTagsForResource"),
        ("POST", "tags/*/*", "ChangeTagsForResource"),
        ("POST", "tags/*", "ListTagsForResources"),
        ("POST", "healthcheck", "CreateHealthCheck"),
        ("GET", "healthcheck", "ListHealthChecks"),
        ("GET", "healthcheck/*", "GetHealthCheck"),
        ("DELETE", "healthcheck/*", "DeleteHealthCheck"),
    ];
    look_up(&ROWS, method, path.trim_start_matches('/').split_once('/')?.1)
}

/// S3 with the bucket in the path, as the SDK writes it for an address that is a number.
pub fn s3(parts: &Parts) -> String {
    let (bucket, key) = parts
        .uri
        .path()
        .trim_start_matches('/')
        .split_once('/')
        .map_or_else(|| (parts.uri.path().trim_start_matches('/'), ""), |(bucket, key)| (bucket, key));
    let query = parts.uri.query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let name = match (parts.method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("GET", true, _) => "ListBuckets",
        ("GET", _, true) if has("versions") => "ListObjectVersions",
        ("GET", _, true) if has("uploads") => "ListMultipartUploads",
        ("GET", _, true) if has("list-type") => "ListObjectsV2",
        ("POST", _, true) if has("delete") => "DeleteObjects",
        ("HEAD", _, true) => "HeadBucket",
        ("HEAD", _, false) => "HeadObject",
        ("PUT", _, false) if has("partNumber") => "UploadPart",
        ("PUT", _, false) if parts.headers.contains_key("x-amz-copy-source") => "CopyObject",
        ("DELETE", _, false) if has("uploadId") => "AbortMultipartUpload",
        ("POST", _, false) if has("uploads") => "CreateMultipartUpload",
        ("POST", _, false) if has("uploadId") => "CompleteMultipartUpload",
        (method, _, whole) => return s3_part(method, whole, &has),
    };
    name.to_owned()
}

/// Operations on a part of a bucket or object, which the query names, or on the whole.
fn s3_part(method: &str, bucket: bool, has: &impl Fn(&str) -> bool) -> String {
    const BUCKET_PARTS: [(&str, &str); 16] = [
        ("policy", "BucketPolicy"),
        ("policyStatus", "BucketPolicyStatus"),
        ("versioning", "BucketVersioning"),
        ("encryption", "BucketEncryption"),
        ("lifecycle", "BucketLifecycleConfiguration"),
        ("logging", "BucketLogging"),
        ("tagging", "BucketTagging"),
        ("publicAccessBlock", "PublicAccessBlock"),
        ("ownershipControls", "BucketOwnershipControls"),
        ("acl", "BucketAcl"),
        ("cors", "BucketCors"),
        ("notification", "BucketNotificationConfiguration"),
        ("replication", "BucketReplication"),
        ("object-lock", "ObjectLockConfiguration"),
        ("location", "BucketLocation"),
        ("accelerate", "BucketAccelerateConfiguration"),
    ];
    const OBJECT_PARTS: [(&str, &str); 4] = [
        ("tagging", "ObjectTagging"),
        ("acl", "ObjectAcl"),
        ("retention", "ObjectRetention"),
        ("legal-hold", "ObjectLegalHold"),
    ];
    let parts: &[(&str, &str)] = if bucket { &BUCKET_PARTS } else { &OBJECT_PARTS };
    let part = parts.iter().find(|(name, _)| has(name)).map(|(_, part)| *part);
    let verb = match method {
        "PUT" if bucket && part.is_none() => "Create",
        "PUT" => "Put",
        "GET" if bucket && part.is_none() => return "ListObjects".to_owned(),
        "GET" => "Get",
        "DELETE" => "Delete",
        other => return format!("{other} {}", if bucket { "bucket" } else { "object" }),
    };
    format!("{verb}{}", part.unwrap_or(if bucket { "Bucket" } else { "Object" }))
}
