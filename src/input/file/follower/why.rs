//! The reason for which a path has a turn.

/// Why a path has a turn.
#[derive(Clone, Copy, Default)]
pub(super) struct Why {
    /// Names around it may have changed.
    pub names: bool,
    /// Its file may have been written to.
    pub data: bool,
}
