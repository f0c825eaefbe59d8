"""The files of the module: how they are formatted, and what the current provider knows of them."""

import module
import provider
import terraform


def test_files_are_formatted() -> None:
    assert not terraform.format_differences(module.MODULE)


def test_the_current_provider_knows_all_arguments() -> None:
    used = module.resources()
    assert {kind for kind, _, _ in used} > {"aws_cloudformation_stack", "aws_s3_object", "data.aws_region"}
    for kind, name, arguments in used:
        schema = provider.schema(kind)
        assert schema.required <= arguments.keys() <= schema.arguments, f"{kind}.{name}"


def test_the_current_provider_knows_all_attributes() -> None:
    used = module.references()
    assert ("aws_cloudformation_stack", "outputs") in used
    for kind, attribute in used:
        assert attribute in provider.schema(kind).attributes, f"{kind} has no {attribute}"
