//! The methods of the user service: checks, calls of the store, answers.

use std::sync::Arc;

use kit::clock;
use kit::page::Page;
use kit::violations::Violations;
use prost_types::{FieldMask, Timestamp};
use tonic::{Request, Response, Status};

use crate::pb;
use crate::pb::user_service_server::UserService;
use crate::store::{Change, Profile, StoreError, User, UserStore};

const NAME_LENGTH: usize = 200;
/// The longest address that mail can be sent to (RFC 5321).
const EMAIL_LENGTH: usize = 254;
const PHONE_LENGTH: usize = 50;
const ADDRESS_LENGTH: usize = 500;

/// The user service over a store.
pub(crate) struct Users {
    store: Arc<dyn UserStore>,
}

impl Users {
    pub(crate) fn new(store: Arc<dyn UserStore>) -> Self {
        Self { store }
    }
}

#[tonic::async_trait]
impl UserService for Users {
    async fn create_user(
        &self,
        request: Request<pb::CreateUserRequest>,
    ) -> Result<Response<pb::CreateUserResponse>, Status> {
        let request = request.into_inner();
        let profile = Profile {
            name: request.name,
            email: request.email,
            phone: request.phone,
            address: request.address,
        };
        let mut violations = Violations::new();
        check_name(&mut violations, "name", &profile.name);
        check_email(&mut violations, "email", &profile.email);
        violations.text("phone", &profile.phone, false, PHONE_LENGTH);
        violations.text("address", &profile.address, false, ADDRESS_LENGTH);
        violations.finish()?;
        let user = self.store.create(&profile, clock::now()).await?;
        let message = "User created successfully".to_owned();
        Ok(Response::new(pb::CreateUserResponse { user: Some(user.into()), message }))
    }

    async fn get_user(
        &self,
        request: Request<pb::GetUserRequest>,
    ) -> Result<Response<pb::GetUserResponse>, Status> {
        let id = known_id("user_id", request.into_inner().user_id)?;
        let user = self.store.get(id).await?.ok_or_else(unknown_user)?;
        Ok(Response::new(pb::GetUserResponse { user: Some(user.into()) }))
    }

    async fn list_users(
        &self,
        request: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        let request = request.into_inner();
        let page = Page::read(request.page_size, &request.page_token, 0)?;
        let mut users = self.store.list(page.after, page.fetch()).await?;
        let next_page_token = page.finish(&mut users, |user| user.id);
        let users = users.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListUsersResponse { users, next_page_token }))
    }

    async fn update_user(
        &self,
        request: Request<pb::UpdateUserRequest>,
    ) -> Result<Response<pb::UpdateUserResponse>, Status> {
        let request = request.into_inner();
        let user = request.user.ok_or_else(|| Violations::one("user", "is required"))?;
        let id = known_id("user.id", user.id)?;
        let change = change_of(user, request.update_mask.as_ref())?;
        let user = self.store.update(id, &change, clock::now()).await?.ok_or_else(unknown_user)?;
        Ok(Response::new(pb::UpdateUserResponse { user: Some(user.into()) }))
    }

    async fn delete_user(
        &self,
        request: Request<pb::DeleteUserRequest>,
    ) -> Result<Response<pb::DeleteUserResponse>, Status> {
        let id = known_id("user_id", request.into_inner().user_id)?;
        if !self.store.delete(id).await? {
            return Err(unknown_user());
        }
        Ok(Response::new(pb::DeleteUserResponse {}))
    }

    async fn validate_user(
        &self,
        request: Request<pb::ValidateUserRequest>,
    ) -> Result<Response<pb::ValidateUserResponse>, Status> {
        let user = self.store.get(request.into_inner().user_id).await?;
        let answer = pb::ValidateUserResponse { is_valid: user.is_some(), user: user.map(Into::into) };
        Ok(Response::new(answer))
    }
}

/// The fields that the mask names, or without a mask those that are not empty; all of them checked.
fn change_of(user: pb::User, mask: Option<&FieldMask>) -> Result<Change, Status> {
    let paths: Vec<&str> = match mask {
        Some(mask) if !mask.paths.is_empty() => mask.paths.iter().map(String::as_str).collect(),
        _ => {
            [("name", &user.name), ("email", &user.email), ("phone", &user.phone), ("address", &user.address)]
                .into_iter()
                .filter_map(|(path, value)| (!value.is_empty()).then_some(path))
                .collect()
        }
    };
    let named = |path: &str| paths.iter().any(|named| *named == path || *named == "*");
    let mut violations = Violations::new();
    for path in &paths {
        match *path {
            // The id says which user it is; a mask made from the keys of a body may name it.
            "name" | "email" | "phone" | "address" | "id" | "*" => {}
            "created_at" | "updated_at" => {
                violations
                    .add("update_mask", format!("\"{path}\" is set by the service and cannot be changed"));
            }
            _ => violations.add("update_mask", format!("\"{path}\" is not a field of a user")),
        }
    }
    if named("name") {
        check_name(&mut violations, "user.name", &user.name);
    }
    if named("email") {
        check_email(&mut violations, "user.email", &user.email);
    }
    if named("phone") {
        violations.text("user.phone", &user.phone, false, PHONE_LENGTH);
    }
    if named("address") {
        violations.text("user.address", &user.address, false, ADDRESS_LENGTH);
    }
    violations.finish()?;
    Ok(Change {
        name: named("name").then_some(user.name),
        email: named("email").then_some(user.email),
        phone: named("phone").then_some(user.phone),
        address: named("address").then_some(user.address),
    })
}

fn check_name(violations: &mut Violations, field: &str, name: &str) {
    violations.text(field, name, true, NAME_LENGTH);
}

/// Whether mail can be delivered only the mail server knows; what cannot be an address at all is refused.
fn check_email(violations: &mut Violations, field: &str, email: &str) {
    violations.text(field, email, true, EMAIL_LENGTH);
    if email.trim().is_empty() {
        return;
    }
    let whole = email
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    let spaced = email.chars().any(|c| c.is_whitespace() || c.is_control());
    violations.check(whole && !spaced, field, "must be an email address, such as john@example.com");
}

fn known_id(field: &str, id: i32) -> Result<i32, Status> {
    if id > 0 { Ok(id) } else { Err(Violations::one(field, "must be a positive number")) }
}

fn unknown_user() -> Status {
    Status::not_found("user not found")
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::EmailTaken => Self::already_exists("a user with this email already exists"),
            StoreError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<User> for pb::User {
    fn from(user: User) -> Self {
        let Profile { name, email, phone, address } = user.profile;
        Self {
            id: user.id,
            name,
            email,
            phone,
            address,
            created_at: Some(timestamp(user.created_at)),
            updated_at: Some(timestamp(user.updated_at)),
        }
    }
}

fn timestamp(millis: i64) -> Timestamp {
    let (seconds, nanos) = clock::parts(millis);
    Timestamp { seconds, nanos }
}
