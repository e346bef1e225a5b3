//! Ownership tags of the stack `prod`, as the services show them.

/// As EC2 shows them.
pub fn ec2(address: &str) -> String {
    format!(
        "<tagSet><item><key>payinfra:stack</key><value>prod</value></item>
        <item><key>payinfra:address</key><value>{address}</value></item></tagSet>"
    )
}

/// As the Query services show them, each in an `item`.
pub fn query(item: &str, address: &str) -> String {
    format!(
        "<{item}><Key>payinfra:stack</Key><Value>prod</Value></{item}>
        <{item}><Key>payinfra:address</Key><Value>{address}</Value></{item}>"
    )
}

/// As JSON objects with `Key` and `Value`.
pub fn list(address: &str) -> String {
    format!(r#"[{{"Key":"payinfra:stack","Value":"prod"}},{{"Key":"payinfra:address","Value":"{address}"}}]"#)
}

/// As one JSON object.
pub fn map(address: &str) -> String {
    format!(r#"{{"payinfra:stack":"prod","payinfra:address":"{address}"}}"#)
}
