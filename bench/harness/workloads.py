"""What is asked of every party, and what it must answer.

The answers follow from the requests by the formula that bench/tools/src/shop.rs knows too: two opinions that a
party between them has to satisfy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FEW_ITEMS = 20
MANY_ITEMS = 2500
PAGE_SIZE = 440

CREATED = "2026-01-02T03:04:05Z"
STATUSES = ["PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED"]
CATALOGUE = [
    ("Laptop", 999.99),
    ("USB-C cable, 2 m", 12.5),
    ('Monitor 27"', 329),
    ("Crème brûlée torch", 24.99),
    ("Notebook, ruled, A5", 3.75),
]
USER = {
    "name": "Alice Johnson",
    "email": "alice@example.com",
    "phone": "+1-555-0100",
    "address": "123 Main St, Springfield, IL 62701",
}


@dataclass(frozen=True)
class Workload:
    """One request, its answer, and how often it is sent."""

    name: str
    path: str
    body: dict | None
    answer: dict
    requests: dict[int, int]  # by number of connections
    rate: float  # requests a second, when latency is measured

    def body_file(self, folder: Path) -> Path | None:
        return None if self.body is None else folder / f"{self.name}.request.json"

    def write(self, folder: Path) -> None:
        """Leaves the body for the load generator, and the answer for the floor."""
        if self.body is not None:
            self.body_file(folder).write_bytes(compact(self.body))
        (folder / f"{self.name}.json").write_bytes(compact(self.answer))


def compact(value: dict) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def item(number: int) -> dict:
    name, price = CATALOGUE[number % len(CATALOGUE)]
    return {"productName": name, "quantity": 1 + number % 4, "price": price}


def order(number: int, items: list[dict]) -> dict:
    return {
        "id": number,
        "userId": 1,
        "userName": USER["name"],
        "userEmail": USER["email"],
        "items": items,
        "totalAmount": sum(item["price"] * item["quantity"] for item in items),
        "status": STATUSES[number % 5],
        "createdAt": CREATED,
    }


def get_user() -> Workload:
    requests = {1: 3000, 16: 10000, 128: 10000}
    return Workload("get-small", "/users/1", None, {"id": 1, **USER, "createdAt": CREATED}, requests, 1000)


def create_user() -> Workload:
    answer = {"id": 42, **USER, "createdAt": CREATED}
    return Workload("post-small", "/users", USER, answer, {1: 3000, 16: 10000, 128: 10000}, 1000)


def create_order(name: str, count: int, requests: dict[int, int], rate: float) -> Workload:
    items = [item(number) for number in range(count)]
    return Workload(name, "/orders", {"userId": 1, "items": items}, order(4711, items), requests, rate)


def list_orders() -> Workload:
    orders = [order(number, [item(number)]) for number in range(1, PAGE_SIZE + 1)]
    path = f"/orders?user_id=1&page_size={PAGE_SIZE}"
    return Workload("get-100k", path, None, {"orders": orders}, {1: 200, 16: 400, 128: 512}, 50)


def all_workloads() -> list[Workload]:
    return [
        get_user(),
        create_user(),
        create_order("post-20", FEW_ITEMS, {1: 2000, 16: 6000, 128: 6000}, 1000),
        list_orders(),
        create_order("post-150k", MANY_ITEMS, {1: 150, 16: 300, 128: 512}, 20),
    ]
