//! Stub.
use crate::clock::Clock;
use std::cell::OnceCell;
use std::sync::Arc;
/// x
pub mod python {
    /// x
    pub fn str_of_json(json: &serde_json::Value) -> String {
        match json {
            serde_json::Value::Bool(true) => "True".into(),
            serde_json::Value::Bool(false) => "False".into(),
            v => v.to_string(),
        }
    }
}
/// x
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);
/// x
#[derive(Clone)]
pub struct Template(Arc<str>);
/// x
#[derive(Default)]
pub struct Templates;
impl Templates {
    /// x
    pub fn compile(&self, s: &str) -> Result<Template, Error> {
        Ok(Template(s.into()))
    }
}
/// x
pub struct Payload<'a> {
    text: &'a str,
    json: OnceCell<Option<serde_json::Value>>,
}
impl<'a> Payload<'a> {
    /// x
    pub fn new(text: &'a str) -> Self {
        Self { text, json: OnceCell::new() }
    }
    /// x
    pub fn text(&self) -> &'a str {
        self.text
    }
    /// x
    pub fn json(&self) -> Option<&serde_json::Value> {
        self.json.get_or_init(|| serde_json::from_str(self.text).ok()).as_ref()
    }
}
/// x
pub struct Scope<'a> {
    /// x
    pub entity_id: &'a str,
    /// x
    pub name: Option<&'a str>,
    /// x
    pub this: Option<()>,
    /// x
    pub clock: &'a Clock,
}
/// x
pub enum Variable {
    /// x
    Text(String),
}
impl From<&str> for Variable {
    fn from(t: &str) -> Self {
        Self::Text(t.into())
    }
}
impl Template {
    /// x
    pub fn render_value(&self, p: &Payload<'_>, _: &Scope<'_>) -> Result<String, Error> {
        let _ = &self.0;
        Ok(p.text.into())
    }
    /// x
    pub fn render_command(&self, _: &[(&str, Variable)], _: &Scope<'_>) -> Result<Vec<u8>, Error> {
        Ok(vec![])
    }
}
