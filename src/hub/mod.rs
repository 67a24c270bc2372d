//! The one loop of the house.

pub mod event;
