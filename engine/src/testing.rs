//! Runs a graph on sealed ticks in this process, for golden worlds and oracles.
