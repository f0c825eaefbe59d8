//! Repositories.

use super::context::{Context, OperationResult};
use super::parameter::{Account, List, PageSize, RepositoryName};
use crate::clock::epoch_seconds;
use crate::error::ApiError;
use crate::mutability::Mutability;
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use crate::token;
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::Bound::{Excluded, Unbounded};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateRepository {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<List<ExclusionFilter, 1, 5>>,
    #[serde(rename = "tags")]
    _tags: Option<Value>,
    #[serde(rename = "imageScanningConfiguration")]
    _image_scanning_configuration: Option<Value>,
    #[serde(rename = "encryptionConfiguration")]
    _encryption_configuration: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeleteRepository {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeRepositories {
    registry_id: Option<Account>,
    repository_names: Option<List<RepositoryName, 1, 100>>,
    next_token: Option<String>,
    max_results: Option<PageSize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutImageTagMutability {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    image_tag_mutability: String,
    image_tag_mutability_exclusion_filters: Option<List<ExclusionFilter, 1, 5>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExclusionFilter {
    filter_type: FilterType,
    filter: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum FilterType {
    Wildcard,
}

pub(super) fn create(context: &mut Context<'_>, request: &CreateRepository) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let name = &*request.repository_name;
    let mutability = mutability(
        request.image_tag_mutability.as_deref().unwrap_or("MUTABLE"),
        request.image_tag_mutability_exclusion_filters.as_deref(),
    )?;
    let repositories = context.store.repositories(&registry);
    if repositories.contains_key(name) {
        return Err(ApiError::new(
            "RepositoryAlreadyExistsException",
            format!("The repository with name '{name}' already exists in the registry with id '{}'", registry.account),
        ));
    }
    let repository = Repository::new(context.now, mutability);
    let answer = json!({"repository": description(&registry, name, &repository)});
    repositories.insert(name.to_owned(), repository);
    Ok(answer)
}

pub(super) fn delete(context: &mut Context<'_>, request: &DeleteRepository) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let name = &*request.repository_name;
    let repository = context.store.repository(&registry, name)?;
    if !repository.images.is_empty() && !request.force {
        let account = &registry.account;
        return Err(ApiError::new(
            "RepositoryNotEmptyException",
            format!(
                "The repository with name '{name}' in registry with id '{account}' cannot be deleted because it still \
                 contains images"
            ),
        ));
    }
    let answer = json!({"repository": description(&registry, name, repository)});
    context.store.repositories(&registry).remove(name);
    Ok(answer)
}

pub(super) fn describe(context: &mut Context<'_>, request: &DescribeRepositories) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let repositories = context.store.repositories(&registry);
    if let Some(names) = &request.repository_names {
        if request.next_token.is_some() || request.max_results.is_some() {
            return Err(ApiError::invalid_parameter(
                "Invalid parameter: nextToken and maxResults cannot be used with repositoryNames",
            ));
        }
        let rows: Result<Vec<Value>, ApiError> = names
            .iter()
            .map(|name| match repositories.get(&**name) {
                Some(repository) => Ok(description(&registry, name, repository)),
                None => Err(ApiError::repository_not_found(&registry, name)),
            })
            .collect();
        return Ok(json!({"repositories": rows?}));
    }
    let start = match &request.next_token {
        Some(text) => Excluded(token::decode(text)?),
        None => Unbounded,
    };
    let size = PageSize::or_default(request.max_results.as_ref());
    let mut rest = repositories.range((start, Unbounded)).peekable();
    let page: Vec<_> = rest.by_ref().take(size).collect();
    let rows: Vec<Value> = page.iter().map(|(name, repository)| description(&registry, name, repository)).collect();
    let mut answer = json!({"repositories": rows});
    if let (Some((name, _)), Some(_)) = (page.last(), rest.peek()) {
        answer["nextToken"] = token::encode(name).into();
    }
    Ok(answer)
}

pub(super) fn put_mutability(context: &mut Context<'_>, request: &PutImageTagMutability) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let name = &*request.repository_name;
    let repository = context.store.repository(&registry, name)?;
    repository.mutability =
        mutability(&request.image_tag_mutability, request.image_tag_mutability_exclusion_filters.as_deref())?;
    Ok(json!({
        "registryId": registry.account,
        "repositoryName": name,
        "imageTagMutability": repository.mutability.name(),
        "imageTagMutabilityExclusionFilters": filters(&repository.mutability),
    }))
}

fn mutability(setting: &str, filters: Option<&[ExclusionFilter]>) -> Result<Mutability, ApiError> {
    let rejected = |why: &str| {
        Err(ApiError::invalid_parameter(format!(
            "Invalid parameter at 'imageTagMutability' failed to satisfy constraint: '{why}'"
        )))
    };
    let texts: Vec<String> = filters
        .unwrap_or_default()
        .iter()
        .map(|ExclusionFilter { filter_type: FilterType::Wildcard, filter }| filter.clone())
        .collect();
    if !texts.iter().all(|text| is_filter(text)) {
        return rejected("filters must satisfy regular expression '^[0-9a-zA-Z._*-]{1,128}$'");
    }
    match (setting, filters.is_some()) {
        ("MUTABLE", false) => Ok(Mutability::Mutable),
        ("IMMUTABLE", false) => Ok(Mutability::Immutable),
        ("IMMUTABLE_WITH_EXCLUSION", true) => Ok(Mutability::ImmutableWithExclusion(texts)),
        ("MUTABLE_WITH_EXCLUSION", true) => Ok(Mutability::MutableWithExclusion(texts)),
        _ => rejected("filters go with IMMUTABLE_WITH_EXCLUSION and MUTABLE_WITH_EXCLUSION"),
    }
}

fn is_filter(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._*-".contains(&b))
}

fn filters(mutability: &Mutability) -> Vec<Value> {
    mutability.filters().iter().map(|filter| json!({"filterType": "WILDCARD", "filter": filter})).collect()
}

fn description(registry: &RegistryId, name: &str, repository: &Repository) -> Value {
    let host = format!("{}.dkr.ecr.{}.amazonaws.com", registry.account, registry.region);
    let mut row = json!({
        "repositoryArn": registry.arn(name),
        "registryId": registry.account,
        "repositoryName": name,
        "repositoryUri": format!("{host}/{name}"),
        "createdAt": epoch_seconds(repository.created_at),
        "imageTagMutability": repository.mutability.name(),
    });
    if !repository.mutability.filters().is_empty() {
        row["imageTagMutabilityExclusionFilters"] = filters(&repository.mutability).into();
    }
    row
}
