-- AUTOINCREMENT: the id of a removed user is never given out again.
CREATE TABLE users (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT   NOT NULL,
    email      TEXT   NOT NULL,
    -- The email in ASCII lower case: what is unique.
    email_key  TEXT   NOT NULL UNIQUE,
    phone      TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    -- Milliseconds since 1970, UTC.
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
