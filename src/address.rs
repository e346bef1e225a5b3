//! How to reach the API of a stack from here.

/// The name of the output with the API's address.
pub const API: &str = "api/url";

/// What follows the API's id in an address that AWS serves.
const EXECUTE_API: &str = ".execute-api.us-east-1.amazonaws.com/";

/// An API that the emulator serves instead of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// The emulator's host and port.
    authority: String,
    /// The emulator's name for the API, with the port.
    pub host: String,
    /// The stage, which begins each path.
    stage: String,
}

impl Local {
    /// Finds an API's address (`https://<id>.execute-api.us-east-1.amazonaws.com/<stage>`) on the emulator at
    /// `endpoint`; nothing for another kind of address, such as a custom domain.
    pub fn of(url: &str, endpoint: &str) -> Option<Self> {
        let (id, stage) = url.strip_prefix("https://")?.split_once(EXECUTE_API)?;
        let authority = endpoint.strip_prefix("http://")?.trim_end_matches('/');
        let port = authority.rsplit_once(':').map_or("80", |(_, port)| port);
        Some(Self {
            authority: authority.to_owned(),
            host: format!("{id}.execute-api.localhost:{port}"),
            stage: stage.trim_end_matches('/').to_owned(),
        })
    }

    /// The address for people: names below `localhost` resolve to this machine (RFC 6761, section 6.3).
    pub fn url(&self) -> String {
        format!("http://{}/{}", self.host, self.stage)
    }

    /// The address that needs no name resolution; requests to it have the header [`Local::host`].
    pub fn base(&self) -> String {
        format!("http://{}/{}", self.authority, self.stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulated_api_is_reached_on_this_machine_and_a_custom_domain_is_not() {
        let local = Local::of("https://abc123.execute-api.us-east-1.amazonaws.com/live", "http://127.0.0.1:4566/");
        let addresses = local.map(|local| (local.url(), local.base()));
        let expected = ("http://abc123.execute-api.localhost:4566/live", "http://127.0.0.1:4566/live");
        assert_eq!(addresses, Some((expected.0.to_owned(), expected.1.to_owned())));
        assert_eq!(Local::of("https://pay.example.com", "http://127.0.0.1:4566"), None);
    }
}
