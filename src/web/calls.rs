//! Every call of the API, listed once: for the router, and for the description of the interface (OpenAPI).
//!
//! The description is made in a test (`tests/it/openapi.rs`) and kept as `openapi.json`, as the code that makes it is
//! half a megabyte, which a small board need not hold for a text that never changes.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::MethodRouter;
use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::{OpenApi, Path};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::{PathItemExt, paste, routes};

#[cfg(feature = "model")]
use super::talker;
#[cfg(feature = "telegram")]
use super::telegram;
use super::{
    Site, accounts, agenda, automations, calls, conversation, devices, dialect, failure, history,
    live, metrics, owner, picture, registry, restoring, services, speech, states, template, trial,
    updates, upkeep, websocket,
};
use crate::packed::{Packed, packed};

/// What is served: [`description`], written down.
const DESCRIPTION: Packed = packed!("src/web/openapi.json");

/// Where calls are listed.
pub(super) trait Calls: Sized {
    /// Adds the methods of one path. `describe` adds them to a description; only where there is one
    /// is it compiled.
    fn path(
        self,
        path: &str,
        methods: MethodRouter<Arc<Site>>,
        describe: impl FnOnce(Description) -> Description,
    ) -> Self;
}

type Description = OpenApiRouter<Arc<Site>>;

impl Calls for Router<Arc<Site>> {
    fn path(
        self,
        path: &str,
        methods: MethodRouter<Arc<Site>>,
        _: impl FnOnce(Description) -> Description,
    ) -> Self {
        self.route(path, methods)
    }
}

impl Calls for Description {
    fn path(
        self,
        _: &str,
        _: MethodRouter<Arc<Site>>,
        describe: impl FnOnce(Description) -> Description,
    ) -> Self {
        describe(self)
    }
}

/// Adds a path with the handlers of its methods, which are marked with `utoipa::path`.
macro_rules! list {
    ($calls:expr, $([$first:ident::$handler:ident $(, $module:ident::$other:ident)*]),+ $(,)?) => {{
        let calls = $calls;
        $(let calls = paste! {{
            let methods = on::<$first::[<__path_ $handler>], _, _>(MethodRouter::new(), $first::$handler);
            $(let methods = on::<$module::[<__path_ $other>], _, _>(methods, $module::$other);)*
            let describe = |to: Description| to.routes(routes!($first::$handler $(, $module::$other)*));
            calls.path(&$first::[<__path_ $handler>]::path(), methods, describe)
        }};)+
        calls
    }};
}

fn on<P: Path, H: Handler<T, Arc<Site>>, T: 'static>(
    methods: MethodRouter<Arc<Site>>,
    handler: H,
) -> MethodRouter<Arc<Site>> {
    let add = |methods: MethodRouter<_>, method: &utoipa::openapi::HttpMethod| {
        methods.on(method.to_method_filter(), handler.clone())
    };
    P::methods().iter().fold(methods, add)
}

/// Those that need a token.
pub(super) fn closed<C: Calls>(to: C) -> C {
    #[cfg(feature = "model")]
    let to = list!(to, [talker::model, talker::set_model]);
    #[cfg(feature = "telegram")]
    let to = list!(to, [telegram::bot, telegram::set_bot], [telegram::pair], [telegram::unpair],);
    list!(
        to,
        [states::root],
        [states::config],
        [states::all],
        [states::one, dialect::set_state, dialect::remove_state],
        [services::list],
        [services::call],
        [picture::camera],
        [picture::image],
        [conversation::process],
        [speech::say],
        [live::events],
        [dialect::fire],
        [dialect::components],
        [dialect::discovery_info],
        [dialect::check_config],
        [dialect::error_log],
        [template::render],
        [history::period],
        [history::period_of_a_day],
        [history::chart],
        [history::export],
        [registry::entities],
        [registry::edit_entity, registry::remove_entity],
        [registry::problems],
        [devices::list],
        [devices::edit],
        [agenda::agenda],
        [agenda::cancel],
        [agenda::edit_list],
        [automations::list],
        [automations::traces],
        [automations::automation, automations::put_automation, automations::remove_automation],
        [automations::script, automations::put_script, automations::remove_script],
        [automations::scene, automations::put_scene, automations::remove_scene],
        [automations::import],
        [trial::trial],
        [automations::export],
        [registry::areas],
        [registry::area, registry::put_area, registry::remove_area],
        [registry::floors],
        [registry::floor, registry::put_floor, registry::remove_floor],
        [accounts::me, accounts::edit_me],
        [accounts::people, accounts::add_person],
        [accounts::edit_person, accounts::remove_person],
        [accounts::tokens, accounts::add_token],
        [accounts::remove_token],
        [owner::settings, owner::change_settings],
        [owner::try_broker],
        [upkeep::restart],
        [upkeep::models],
        [upkeep::pull_model],
        [upkeep::log],
        [upkeep::connections],
        [upkeep::system],
        [updates::updates],
        [updates::look],
        [updates::fetch],
        [calls::openapi],
        [metrics::metrics],
    )
}

/// Those that need one, and whose body is larger than any other's.
pub(super) fn recordings<C: Calls>(to: C) -> C {
    list!(to, [speech::process])
}

/// Those that need none.
pub(super) fn open<C: Calls>(to: C) -> C {
    list!(to, [metrics::healthz], [websocket::open], [accounts::setup], [restoring::restore])
}

/// This description.
#[utoipa::path(get, path = "/api/openapi.json",
    responses((status = 200, content_type = "application/json", body = String)))]
async fn openapi() -> Response {
    failure::json_bytes(DESCRIPTION.text())
}

/// The description of the interface in OpenAPI's JSON, one path or type a line. For `tests/it/openapi.rs`: at run time
/// it is a file.
pub fn description() -> String {
    #[derive(OpenApi)]
    #[openapi(info(
        title = "Homard",
        description = "A home-automation hub. Errors are `{\"message\"}`."
    ))]
    struct Api;

    let mut description = open(recordings(closed(OpenApiRouter::with_openapi(Api::openapi()))));
    let openapi = description.get_openapi_mut();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    openapi.components.get_or_insert_default().add_security_scheme("token", scheme);
    openapi.security = Some(vec![SecurityRequirement::new("token", [] as [&str; 0])]);
    let value = serde_json::to_value(description.into_openapi()).unwrap_or_default();
    let mut text = String::new();
    write_lines(&value, 3, &mut text);
    text.push('\n');
    text
}

/// JSON whose outer `depth` levels of objects have a line for each entry.
fn write_lines(value: &Value, depth: usize, to: &mut String) {
    match value.as_object() {
        Some(entries) if depth > 0 && !entries.is_empty() => {
            to.push('{');
            for (n, (name, value)) in entries.iter().enumerate() {
                let _ = write!(to, "{}\n{}: ", if n > 0 { "," } else { "" }, Value::from(&**name));
                write_lines(value, depth - 1, to);
            }
            to.push('}');
        }
        _ => {
            let _ = write!(to, "{value}");
        }
    }
}
