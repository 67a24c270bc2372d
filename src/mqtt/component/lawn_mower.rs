//! Robotic lawn mowers.

use std::sync::Arc;

use super::thermal::{Outlet, short};
use super::{Commands, Component, Fault, Heard, Moment, Slot, Topics, value};
use crate::home::action::Refusal;
use crate::home::domain::lawn_mower::{
    Action as Wish, Activity, Caps as MowerCaps, State as MowerState,
};
use crate::home::domain::{Action, Caps, State};
use crate::mqtt::keys::{Keys, Reject};
use crate::mqtt::message::Message;
use crate::template::Template;

const ACTIVITY: Slot = 0;

struct LawnMower {
    state: MowerState,
    activity_topic: Option<Arc<str>>,
    activity_template: Option<Template>,
    start: Outlet,
    pause: Outlet,
    dock: Outlet,
    stop: Outlet,
    is_optimistic: bool,
}

/// Reads the keys of a lawn mower.
pub(super) fn read(keys: &mut Keys<'_>) -> Result<Box<dyn Component>, Reject> {
    let activity_topic = keys.topic("activity_state_topic");
    Ok(Box::new(LawnMower {
        state: MowerState::default(),
        is_optimistic: keys.flag("optimistic", false) || activity_topic.is_none(),
        activity_topic,
        activity_template: keys.template("activity_value_template"),
        start: Outlet::read(keys, "start_mowing_command_topic", "start_mowing_command_template"),
        pause: Outlet::read(keys, "pause_command_topic", "pause_command_template"),
        dock: Outlet::read(keys, "dock_command_topic", "dock_command_template"),
        stop: Outlet::read(keys, "stop_command_topic", "stop_command_template"),
    }))
}

impl Component for LawnMower {
    fn caps(&self) -> Caps {
        Caps::LawnMower(Box::new(MowerCaps {
            can_start: self.start.is_there(),
            can_pause: self.pause.is_there(),
            can_dock: self.dock.is_there(),
            can_stop: self.stop.is_there(),
        }))
    }

    fn topics(&self, topics: &mut Topics) {
        topics.add(self.activity_topic.as_ref(), ACTIVITY);
    }

    fn state(&self) -> State {
        State::LawnMower(self.state.clone())
    }

    fn adopt(&mut self, state: State) {
        if let State::LawnMower(state) = state {
            self.state = state;
        }
    }

    fn receive(
        &mut self,
        _: Slot,
        message: &Message<'_>,
        moment: &mut Moment<'_>,
    ) -> Result<Heard, Fault> {
        let payload = value(self.activity_template.as_ref(), message, moment)?;
        if payload.is_empty() {
            return Ok(Heard::Nothing);
        }
        self.state.activity = if payload.eq_ignore_ascii_case("none") {
            None
        } else {
            let activity = Activity::of(&payload);
            Some(activity.ok_or_else(|| {
                Fault(format!("`{}` is no activity of a lawn mower", short(&payload)))
            })?)
        };
        Ok(Heard::State)
    }

    fn command(&mut self, action: &Action, moment: &mut Moment<'_>) -> Result<Commands, Refusal> {
        let Action::LawnMower(wish) = action else { return Err(Refusal::CannotDo("lawn_mower")) };
        let (outlet, activity) = match wish {
            Wish::StartMowing => (&self.start, Activity::Mowing),
            Wish::Pause => (&self.pause, Activity::Paused),
            Wish::Dock => (&self.dock, Activity::Docked),
            Wish::Stop => (&self.stop, Activity::Idle),
        };
        let mut out = Commands::default();
        outlet.send_text(&mut out, wish.word(), moment)?;
        if self.is_optimistic {
            self.state.activity = Some(activity);
            out.assumed = true;
        }
        Ok(out)
    }

    fn assumes_state(&self) -> bool {
        self.is_optimistic
    }
}
