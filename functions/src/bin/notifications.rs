//! The notifications function; deployed as `bootstrap`.

fn main() -> Result<(), lambda_runtime::Error> {
    payments::frame::lambda::serve::<payments::notifications::Notifications>()
}
