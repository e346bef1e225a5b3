//! The route table. It drives the functions' routing, the OpenAPI document and, through that document, the API Gateway
//! resources, methods, models, and validators.

use crate::frame::function::Function;

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
    /// The HTTP method, in upper case.
    pub method: &'static str,
    /// The path; a segment in braces is a parameter.
    pub path: &'static str,
    /// What the route does.
    pub operation: Operation,
    /// The OpenAPI operation ID.
    pub operation_id: &'static str,
    /// The function that answers.
    pub function: Function,
    /// One sentence for the OpenAPI document.
    pub summary: &'static str,
    /// The name of the request body's schema.
    pub request: Option<&'static str>,
    /// Whether the `Idempotency-Key` header is required.
    pub idempotent: bool,
    /// Whether the route may be called without credentials.
    pub open: bool,
    /// The success status and the name of its body's schema.
    pub success: (u16, &'static str),
    /// The error statuses that the function itself returns; the gateway's own are added to every route.
    pub rejections: &'static [u16],
}

/// Every route, in the order of the OpenAPI document.
pub const ROUTES: &[Route] = &[
    Route {
        method: "POST",
        path: "/payments/validate",
        operation: Operation::Validate,
        operation_id: "validatePayment",
        function: Function::PaymentValidation,
        summary: "Validates a payment and opens a session for it that is valid for 15 minutes.",
        request: Some("ValidateRequest"),
        idempotent: false,
        open: false,
        success: (200, "Session"),
        rejections: &[400, 413, 415, 422, 503],
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
        rejections: &[400, 409, 410, 413, 415, 422, 503],
    },
    Route {
        method: "GET",
        path: "/payments/transactions/{id}",
        operation: Operation::Get,
        operation_id: "getTransaction",
        function: Function::TransactionProcessing,
        summary: "Returns a booked payment or refund.",
        request: None,
        idempotent: false,
        open: false,
        success: (200, "Transaction"),
        rejections: &[404, 503],
    },
    Route {
        method: "POST",
        path: "/payments/transactions/{id}/refunds",
        operation: Operation::Refund,
        operation_id: "refundTransaction",
        function: Function::TransactionProcessing,
        summary: "Refunds a payment in full or in part, never more than its amount.",
        request: Some("RefundRequest"),
        idempotent: true,
        open: false,
        success: (201, "Transaction"),
        rejections: &[400, 403, 404, 409, 413, 415, 422, 503],
    },
    Route {
        method: "GET",
        path: "/health",
        operation: Operation::Health,
        operation_id: "health",
        function: Function::PaymentValidation,
        summary: "Reports whether the API and its configuration are in place.",
        request: None,
        idempotent: false,
        open: true,
        success: (200, "Health"),
        rejections: &[503],
    },
];

/// The route that matches a request, with the value of its `{id}`.
#[derive(Debug)]
pub struct Matched<'a> {
    /// The route.
    pub route: &'static Route,
    /// The path parameter, if the route has one.
    pub id: Option<&'a str>,
}

/// No route matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// No route has this path.
    #[error("no route has this path")]
    UnknownPath,
    /// The path exists, but not with this method.
    #[error("this path supports {allowed} only")]
    MethodNotAllowed {
        /// A method that the path supports.
        allowed: &'static str,
    },
}

/// Finds the route for a method and a concrete path.
pub fn find<'a>(method: &str, path: &'a str) -> Result<Matched<'a>, RouteError> {
    let mut error = RouteError::UnknownPath;
    for route in ROUTES {
        if let Some(id) = match_path(route.path, path) {
            if route.method == method {
                return Ok(Matched { route, id });
            }
            error = RouteError::MethodNotAllowed { allowed: route.method };
        }
    }
    Err(error)
}

/// Compares segment by segment. Returns `None` for no match, and otherwise the value of the path parameter, if any.
fn match_path<'a>(template: &str, path: &'a str) -> Option<Option<&'a str>> {
    let mut id = None;
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            if segment.is_empty() {
                return None;
            }
            id = Some(segment);
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(id)
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
    fn an_unknown_path_and_an_unsupported_method_are_different_errors() {
        for path in ["/", "", "/payments", "/payments/transactions/", "/health/x"] {
            assert_eq!(find("GET", path).err(), Some(RouteError::UnknownPath), "{path}");
        }
        assert_eq!(find("DELETE", "/health").err(), Some(RouteError::MethodNotAllowed { allowed: "GET" }));
    }
}
