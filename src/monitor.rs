//! Lines in, due reports out: everything between input and delivery, without either.
