CREATE TABLE orders (
    id          INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     INTEGER NOT NULL,
    -- The user as of the day of the order.
    user_name   TEXT    NOT NULL,
    user_email  TEXT    NOT NULL,
    total_cents BIGINT  NOT NULL,
    status      TEXT    NOT NULL,
    -- Milliseconds since 1970, UTC.
    created_at  BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL
);

CREATE INDEX orders_of_user ON orders (user_id, id);

CREATE TABLE order_items (
    order_id     INTEGER NOT NULL REFERENCES orders (id),
    -- The place in the order, from 0.
    line         INTEGER NOT NULL,
    product_name TEXT    NOT NULL,
    quantity     INTEGER NOT NULL,
    price_cents  BIGINT  NOT NULL,
    PRIMARY KEY (order_id, line)
);
