//! The one route table: it drives the functions' routing, the OpenAPI document and, through that
//! document, the API Gateway resources, methods, models and validators.

/// Which of the three functions answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Checks payments and opens sessions.
    PaymentValidation,
    /// Books payments and refunds in the ledger.
    TransactionProcessing,
    /// Archives events and delivers webhooks.
    Notifications,
}

impl Function {
    /// Gives the name used in the document and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentValidation => "payment-validation",
            Self::TransactionProcessing => "transaction-processing",
            Self::Notifications => "notifications",
        }
    }
}

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `POST /payments/validate`.
    Validate,
    /// `POST /payments/transactions`.
    Book,
    /// `GET /payments/transactions/{id}`.
    Get,
    /// `POST /payments/transactions/{id}/refunds`.
    Refund,
    /// `GET /health`.
    Health,
}

/// One method on one path.
#[derive(Debug)]
pub struct Route {
    /// The HTTP method in capitals.
    pub method: &'static str,
    /// The path; a segment in braces is a parameter.
    pub path: &'static str,
    /// What it does.
    pub operation: Operation,
    /// The OpenAPI operation id.
    pub operation_id: &'static str,
    /// The function that answers.
    pub function: Function,
    /// One line for the document.
    pub summary: &'static str,
    /// The schema of the request body, by name.
    pub request: Option<&'static str>,
    /// Whether the `Idempotency-Key` header is required.
    pub idempotent: bool,
    /// Whether anyone may call it without credentials.
    pub open: bool,
    /// The status of success and the schema of its body.
    pub success: (u16, &'static str),
    /// The other statuses the function itself answers; the gateway's own are added to each route.
    pub refusals: &'static [u16],
}

/// Every route, in the order of the document.
pub const ROUTES: &[Route] = &[
    Route {
        method: "POST",
        path: "/payments/validate",
        operation: Operation::Validate,
        operation_id: "validatePayment",
        function: Function::PaymentValidation,
        summary: "Checks a payment and opens a session for it that lives 15 minutes.",
        request: Some("ValidateRequest"),
        idempotent: false,
        open: false,
        success: (200, "Session"),
        refusals: &[400, 413, 415, 422, 503],
    },
    Route {
        method: "POST",
        path: "/payments/transactions",
        operation: Operation::Book,
        operation_id: "bookTransaction",
        function: Function::TransactionProcessing,
        summary: "Consumes a session and books its payment exactly once.",
        request: Some("TransactionRequest"),
        idempotent: true,
        open: false,
        success: (201, "Transaction"),
        refusals: &[400, 409, 410, 413, 415, 422, 503],
    },
    Route {
        method: "GET",
        path: "/payments/transactions/{id}",
        operation: Operation::Get,
        operation_id: "getTransaction",
        function: Function::TransactionProcessing,
        summary: "Shows one booked payment or refund.",
        request: None,
        idempotent: false,
        open: false,
        success: (200, "Transaction"),
        refusals: &[404, 503],
    },
    Route {
        method: "POST",
        path: "/payments/transactions/{id}/refunds",
        operation: Operation::Refund,
        operation_id: "refundTransaction",
        function: Function::TransactionProcessing,
        summary: "Refunds a payment in whole or in part, never above its amount.",
        request: Some("RefundRequest"),
        idempotent: true,
        open: false,
        success: (201, "Transaction"),
        refusals: &[400, 403, 404, 409, 413, 415, 422, 503],
    },
    Route {
        method: "GET",
        path: "/health",
        operation: Operation::Health,
        operation_id: "health",
        function: Function::PaymentValidation,
        summary: "Says whether the API and its configuration are in place.",
        request: None,
        idempotent: false,
        open: true,
        success: (200, "Health"),
        refusals: &[503],
    },
];

/// A route that fits a request, with the value of its `{id}`.
#[derive(Debug)]
pub struct Matched<'a> {
    /// The route.
    pub route: &'static Route,
    /// The path parameter, where the route has one.
    pub id: Option<&'a str>,
}

/// Why no route fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// No route has this path.
    UnknownPath,
    /// The path exists, with this method.
    OtherMethod(&'static str),
}

/// Finds the route of a method and a concrete path.
pub fn find<'a>(method: &str, path: &'a str) -> Result<Matched<'a>, NoRoute> {
    let mut no_route = NoRoute::UnknownPath;
    for route in ROUTES {
        if let Some(id) = fits(route.path, path) {
            if route.method == method {
                return Ok(Matched { route, id });
            }
            no_route = NoRoute::OtherMethod(route.method);
        }
    }
    Err(no_route)
}

/// Compares segment by segment: `None` is no fit, `Some(id)` a fit with its parameter.
fn fits<'a>(template: &str, path: &'a str) -> Option<Option<&'a str>> {
    let mut id = None;
    let mut given = path.split('/');
    for expected in template.split('/') {
        let segment = given.next()?;
        if expected.starts_with('{') {
            if segment.is_empty() {
                return None;
            }
            id = Some(segment);
        } else if expected != segment {
            return None;
        }
    }
    given.next().is_none().then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concrete_path_finds_its_route_and_parameter() {
        let found = find("POST", "/payments/transactions/txn_abc/refunds");
        assert!(found.is_ok_and(|m| m.route.operation == Operation::Refund && m.id == Some("txn_abc")));
        let plain = find("GET", "/health");
        assert!(plain.is_ok_and(|m| m.route.operation == Operation::Health && m.id.is_none()));
    }

    #[test]
    fn unknown_paths_and_methods_are_told_apart() {
        for path in ["/", "", "/payments", "/payments/transactions/", "/health/x"] {
            assert_eq!(find("GET", path).err(), Some(NoRoute::UnknownPath), "{path}");
        }
        assert_eq!(find("DELETE", "/health").err(), Some(NoRoute::OtherMethod("GET")));
    }
}
