//! Cameras and images: the latest frame.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Commands, Component, Fault, Heard, Moment, Slot, Topics, value};
use crate::home::action::Refusal;
use crate::home::domain::camera::{Caps as CameraCaps, State as CameraState};
use crate::home::domain::image::{Caps as ImageCaps, Picture, State as ImageState};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::Template;

const FRAME: Slot = 0;
const URL: Slot = 1;

struct Camera {
    frame: Option<Arc<[u8]>>,
    topic: Arc<str>,
    is_base64: bool,
}

struct Image {
    state: ImageState,
    caps: ImageCaps,
    topic: Option<Arc<str>>,
    url_topic: Option<Arc<str>>,
    url_template: Option<Template>,
    is_base64: bool,
}

/// Reads the keys of a camera.
pub(super) fn read_camera(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    Ok(Box::new(Camera {
        frame: None,
        topic: keys.required_topic("topic")?,
        is_base64: keys.choice("image_encoding", &["b64", "raw"]) == Some("b64"),
    }))
}

/// Reads the keys of an image.
pub(super) fn read_image(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let topic = keys.topic("image_topic");
    let url_topic = keys.topic("url_topic");
    match (&topic, &url_topic) {
        (None, None) => return Err(Reject("`image_topic` or `url_topic` is missing".to_owned())),
        (Some(_), Some(_)) => {
            return Err(Reject("`image_topic` and `url_topic` exclude each other".to_owned()));
        }
        _ => {}
    }
    Ok(Box::new(Image {
        state: ImageState::default(),
        caps: ImageCaps { content_type: keys.string_or("content_type", "image/jpeg") },
        topic,
        url_topic,
        url_template: keys.template("url_template"),
        is_base64: keys.choice("image_encoding", &["b64", "raw"]) == Some("b64"),
    }))
}

fn bytes(message: &Message<'_>, is_base64: bool) -> Result<Arc<[u8]>, Fault> {
    if !is_base64 {
        return Ok(message.bytes.into());
    }
    STANDARD
        .decode(message.bytes.trim_ascii())
        .map(Into::into)
        .map_err(|error| Fault(format!("the picture is not base64: {error}")))
}

impl Component for Camera {
    fn caps(&self) -> Caps {
        Caps::Camera(Box::new(CameraCaps {}))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(Some(&self.topic), FRAME);
    }

    fn state(&self) -> State {
        State::Camera(CameraState { frame: self.frame.clone() })
    }

    fn adopt(&mut self, state: State) {
        if let State::Camera(state) = state {
            self.frame = state.frame;
        }
    }

    fn receive(
        &mut self,
        _: Slot,
        message: &Message<'_>,
        _: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        self.frame = Some(bytes(message, self.is_base64)?);
        Ok(Heard::State)
    }

    fn command(&mut self, _: &Action, _: &mut Moment<'_>) -> Result<Commands, Refusal> {
        Err(Refusal::CannotDo("camera"))
    }
}

impl Component for Image {
    fn caps(&self) -> Caps {
        Caps::Image(Box::new(self.caps.clone()))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.topic.as_ref(), FRAME);
        topics.add(self.url_topic.as_ref(), URL);
    }

    fn state(&self) -> State {
        State::Image(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::Image(state) = state {
            self.state = state;
        }
    }

    fn receive(
        &mut self,
        slot: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        let picture = if slot == FRAME {
            Picture::Bytes(bytes(message, self.is_base64)?)
        } else {
            let url = value(self.url_template.as_ref(), message, moment)?;
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(Fault("the address of the picture is no http address".to_owned()));
            }
            Picture::Url((*url).into())
        };
        self.state.picture = Some(picture);
        self.state.at = Some(moment.scope.clock.now());
        Ok(Heard::State)
    }

    fn command(&mut self, _: &Action, _: &mut Moment<'_>) -> Result<Commands, Refusal> {
        Err(Refusal::CannotDo("image"))
    }
}
