//! The loader on small types of its own; the real configuration is tested in [`files`].

mod files;
mod sample;
mod yaml;
