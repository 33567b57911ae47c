//! Recorder bytes in, init segment and chunks out.
