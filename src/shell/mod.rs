//! Floor 4: the browser adapters. They carry out what the engine orders and decide nothing.
//!
//! [`driver`] owns the engine and drains it; [`store`], [`net`], [`tabs`], [`farewell`], [`signals`] and [`clock`] each touch one part
//! of the platform. No adapter imports another; what one needs to know comes through the driver.

pub mod clock;
pub mod document;
pub mod driver;
pub mod error;
pub mod farewell;
pub mod later;
pub mod lock;
pub mod mailbox;
mod names;
pub mod net;
pub mod news;
pub mod signals;
pub mod store;
pub mod tabs;
pub mod tell;
