//! The REST API and its parts, keys and usage plans.

use payinfra_engine::{Class, Progress, Select};
use serde_json::json;

use crate::answers::{Answer, answer, modelled};
use crate::{cloud, created, deleted, kind, one, owned, owner, refused, shows};

/// A value of an API key, which must not get anywhere.
const SECRET: &str = "s3cretOfTheCallers";

fn apis() -> Answer {
    let ours = answer("apigateway", "apis").with(r#""MY_TAG1":"MY_VALUE1""#, &owner("rest_api.main"));
    ours.with("{id:1}", "a1").with("{root-resource-id:1}", "r0").with("{name:1}", "api-prod")
}

#[tokio::test]
async fn an_api_is_found_by_its_tags_with_its_root() {
    let live = owned("rest_api", [apis()]).await.remove(0);
    shows(&live, &json!({"name": "api-prod", "endpoint": "EDGE", "execute_api_disabled": false}));
    assert_eq!((&live.outputs["id"], &live.outputs["root_id"]), (&json!("a1"), &json!("r0")));
    // Lists leave empty tags out.
    assert!(owned("rest_api", [answer("apigateway", "untagged-apis")]).await.is_empty());
}

#[tokio::test]
async fn models_validators_and_resources_read_as_they_are_listed() {
    let models = answer("apigateway", "models").with("{name:1}", "Calc");
    let live = one("api_model", "a1/Calc", [models.with("{name:2}", "Empty").with("{name:3}", "Error")]).await;
    assert_eq!(live.spec["schema"]["properties"]["c"], json!({"type": "number"}));
    let validators = answer("apigateway", "validators").with("{request-validator-id:1}", "v1");
    let live = one("api_validator", "a1/v1", [validators]).await;
    shows(&live, &json!({"name": "basic", "body": true, "parameters": true}));
    let resources = answer("apigateway", "resources").with("{id:1}", "r0").with("{id:2}", "r1");
    let live = one("api_resource", "a1/r1", [resources]).await;
    shows(&live, &json!({"parent_id": "r0", "path_part": "pets"}));
}

#[tokio::test]
async fn a_stage_leaves_out_the_tags_of_aws_and_settings_that_are_not_set() {
    let stages = answer("apigateway", "stages").with("{destination-arn:1}", "arn:group");
    let live = one("api_stage", "a1/test", [stages.with("{deployment-id:1}", "d1")]).await;
    shows(&live, &json!({"tags": {}, "deployment_id": "d1", "tracing": false, "methods": {}, "variables": {}}));
    assert_eq!(live.spec["access_log"]["group_arn"], "arn:group");
}

#[tokio::test]
async fn what_is_taken_used_or_not_yet_visible_is_told_by_its_text() {
    let model =
        json!({"api_id": "a1", "name": "M", "content_type": "application/json", "description": "", "schema": {}});
    assert_eq!(refused("api_model", &model, [answer("apigateway", "model-taken")]).await, Class::Exists);
    let validator = json!({"api_id": "a1", "name": "v", "body": true, "parameters": true});
    let absent = [answer("apigateway", "api-of-validator-absent")];
    assert_eq!(refused("api_validator", &validator, absent).await, Class::NotYet);
    let models = answer("apigateway", "models").with("{name:1}", "Calc");
    let live = one("api_model", "a1/Calc", [models.with("{name:2}", "Empty").with("{name:3}", "Error")]).await;
    assert_eq!(deleted(&live, "api_model", [answer("apigateway", "model-in-use")]).await.0, Err(Class::InUse));
    let deployments = modelled(200, r#"{"item":[{"id":"d1","description":"live_0a1b2c3d"}]}"#);
    let live = one("api_deployment", "a1/d1", [deployments]).await;
    let used = [answer("apigateway", "deployment-in-use")];
    assert_eq!(deleted(&live, "api_deployment", used).await.0, Err(Class::InUse));
}

fn plans() -> Answer {
    let plans = answer("apigateway", "usage-plans").with("{id:1}", "p1").with("{name:1}", "usage-plan-prod");
    plans.with("{api-id:1}", "a1").with(r#""name""#, &format!(r#""tags":{{{}}},"name""#, owner("usage_plan.callers")))
}

#[tokio::test]
async fn the_values_of_keys_that_answers_contain_get_nowhere() {
    let keys = answer("apigateway", "usage-plan-keys").with("{id:1}", "k1").with("{id:2}", "k2");
    let keys = keys.with("{value:1}", SECRET).with("{value:2}", SECRET);
    let (broken, _) = cloud([plans(), keys.clone().cut(3)]);
    let unreadable = kind("usage_plan").list(&broken, Select::Owned).await.expect_err("the answer breaks off");
    assert!(!format!("{unreadable} {unreadable:?}").contains(SECRET), "{unreadable:?}");
    let live = owned("usage_plan", [plans(), keys]).await.remove(0);
    shows(&live, &json!({"keys": ["k1", "k2"], "stages": ["a1:dev"], "rate": 0.0}));
    assert!(!format!("{live:?}").contains(SECRET));
    let key = json!({"name": "api-key-prod", "description": "", "enabled": true, "tags": {}});
    let made = answer("apigateway", "api-key").with("{id:1}", "k1").with("{value:1}", SECRET);
    assert_eq!(created("api_key", &key, [made]).await.expect("it is made"), "k1");
}

#[tokio::test]
async fn a_stage_that_went_with_its_api_does_not_hold_the_usage_plan() {
    let none = modelled(200, r#"{"item":[]}"#);
    let live = owned("usage_plan", [plans(), none]).await.remove(0);
    let gone = answer("apigateway", "stage-gone").with("fakestagename", "dev");
    let (progress, sent) = deleted(&live, "usage_plan", [gone, modelled(202, "")]).await;
    assert_eq!(progress, Ok(Progress::Going));
    assert!(sent[0].has("/apiStages") && sent[1].method == "DELETE", "{sent:#?}");
}
