//! Each rule with what it lets through and what it does not, in several scripts and languages.
use super::*;
