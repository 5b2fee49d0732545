//! Several consoles of one site (`set site`): real daemons over one board.

mod boards;
mod mail;
mod members;
mod rig;
