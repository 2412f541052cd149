//! The only room that touches the machine: executor, clock, chance, files, sockets and mesh, real or simulated.
