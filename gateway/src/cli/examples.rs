//! What `--help` shows after the options: each command by example.

pub(super) const GATEWAY: &str = "\
Examples:
  gateway                              runs ./routes.yaml
  gateway check                        says what is wrong with it
  gateway explain GET /users/7         says what a request would become
  gateway serve -c shop.yaml           runs another file

`gateway COMMAND --help` shows more of each.";

pub(super) const SERVE: &str = "\
Examples:
  gateway serve                        runs ./routes.yaml, one worker per CPU
  gateway serve -c shop.yaml --workers 2
  GATEWAY_CONFIG=shop.yaml gateway     the same, for containers

The file, its includes, descriptors and certificates are watched: a change is live within a second, a mistake is
refused and told, and what ran before goes on. SIGHUP reloads at once; SIGTERM lets what runs finish, then ends.";

pub(super) const CHECK: &str = "\
Examples:
  gateway check                        every finding, with its line and a suggestion
  gateway check -c shop.yaml && kill -HUP $(pidof gateway)
  gateway check --format json          for pipelines:
    {\"findings\": [{\"code\": \"unknown-method\", \"file\": …, \"line\": …, \"help\": […]}], \"errors\": 1, \"warnings\": 0}";

pub(super) const ROUTES: &str = "\
Examples:
  gateway routes                       every route, annotations and additional bindings included
  gateway routes --format json | jq -r '.[] | select(.upstream == \"userService\") | .path'";

pub(super) const EXPLAIN: &str = "\
Examples:
  gateway explain GET /users/7
  gateway explain GET '/users?page_size=10' -H 'x-tenant: a'
  gateway explain POST /orders -d '{\"userId\":1,\"items\":[{\"productName\":\"Pen\",\"quantity\":1}]}'
  gateway explain GET /user/7          no route takes it: shows those that nearly do, and why they do not
  gateway explain GET /users/7 --format json

Exit code 0 when the request would be sent, else 1.";

pub(super) const OPENAPI: &str = "\
Examples:
  gateway openapi -o openapi.json
  gateway openapi --title Shop --api-version 2.1 --server https://api.shop.example
  gateway openapi --host partners.shop.example      what clients of that host see

Descriptions are the comments of the .proto files, so descriptor sets need their source info: gateway descriptors and
buf build -o keep it, protoc wants --include_source_info.";

pub(super) const DIFF: &str = "\
Examples:
  gateway diff routes.yaml routes.new.yaml
  gateway diff /srv/shop .             folders; each file with its own includes and descriptors
  git worktree add /tmp/main main && gateway diff /tmp/main .      in CI: what the branch does
  gateway diff old.yaml new.yaml --format json | jq '.removed[].route'

Compares routes, their settings and the messages behind them. Exit code 0 when nothing breaks clients, 1 when something
does, 2 when one of the two does not load.";

pub(super) const INIT: &str = "\
Examples:
  gateway init --proto proto/                          shows what it would write
  gateway init --proto proto/ -o routes.yaml           writes it; --force replaces one that is there
  gateway init --proto proto/ -I third_party/          with a folder that is for imports only
  gateway init --descriptors shop.binpb -o routes.yaml
  gateway init --reflect localhost:50051 -o routes.yaml
  gateway init --proto proto/ --upstream users=localhost:50051,shop.user --upstream rest=localhost:50052

Methods with google.api.http annotations get the routes that they say. Services without any get conventional ones:
  GetUser(user_id)    GET /users/{user_id}         UpdateUser(user, mask)   PATCH /users/{user.id}
  ListUsers           GET /users                   DeleteUser(user_id)      DELETE /users/{user_id}
  CreateUser          POST /users, 201             CancelOrder(order_id)    POST /orders/{order_id}:cancel
A verb without a noun is about what the service is named after: Containers/Get(id) is GET /containers/{id}.
Services with one package root share one upstream, unless --upstream names others for them.
Comments of the .proto files come along. What cannot be routed stands there as a comment, with the reason.";

pub(super) const SCHEMA: &str = "\
Examples:
  gateway schema > routes.schema.json

With this as a line of routes.yaml, editors complete its keys and explain them:
  # yaml-language-server: $schema=routes.schema.json";

pub(super) const DESCRIPTORS: &str = "\
Examples:
  gateway descriptors proto/ -o descriptors/shop.binpb
  gateway descriptors proto/shop/user/v1/user.proto -o user.binpb
  gateway descriptors proto/ -I third_party/ -I ../vendor/googleapis -o shop.binpb

routes.yaml can also name the .proto files themselves; then nothing has to be compiled.";

pub(super) const HEALTH: &str = "\
Examples:
  gateway health                                  the listener and path that routes.yaml names, TLS included
  gateway health -c shop.yaml
  gateway health http://127.0.0.1:9901/ready      another address and path

In a Dockerfile: HEALTHCHECK CMD [\"gateway\", \"health\"]";

pub(super) const COMPLETIONS: &str = "\
Examples:
  gateway completions bash > /etc/bash_completion.d/gateway
  gateway completions zsh > ~/.zfunc/_gateway
  gateway completions fish > ~/.config/fish/completions/gateway.fish";
