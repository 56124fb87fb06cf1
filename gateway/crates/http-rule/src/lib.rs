//! google.api.http path templates, and the table that matches them.
