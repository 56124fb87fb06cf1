CREATE TABLE users (
    id         INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
