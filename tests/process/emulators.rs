//! Both emulators start from nothing, answer, are emptied, and are gone with the test that wanted them.

use crate::support::emulator::status_of;
use crate::support::{Emulator, Kind, Proxy};

#[test]
fn both_emulators_keep_what_they_are_given_until_they_are_reset() {
    for kind in Kind::ALL {
        let emulator = Emulator::start(kind);
        let proxy = Proxy::start(emulator.address());
        // Unsigned, so it is S3 to both; through the proxy and past it.
        assert_eq!(status_of(proxy.address(), "PUT", "/probe-bucket"), Some(200), "{kind:?}: {}", emulator.log());
        assert_eq!(status_of(emulator.address(), "HEAD", "/probe-bucket"), Some(200));
        assert_eq!(proxy.counts()["s3:CreateBucket"], 1);
        emulator.reset();
        assert_eq!(status_of(emulator.address(), "HEAD", "/probe-bucket"), Some(404));
        let address = emulator.address();
        drop(emulator);
        assert_eq!(status_of(address, "GET", "/"), None);
        assert_eq!(status_of(proxy.address(), "GET", "/"), Some(502), "the proxy says that nobody is behind it");
    }
}
