//! The part of `CloudFormation` that evaluates a template with given parameters.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use regex_lite::Regex;
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The account of every stack.
pub const ACCOUNT: &str = "123456789012";
/// The Region of every stack.
pub const REGION: &str = "eu-central-1";

/// A template, with short tags such as `!Ref` expanded to their full form.
pub struct Template(Value);

impl Template {
    /// Loads a file of the project's root.
    pub fn load(file: &str) -> Self {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let documents = Yaml::load_from_str(&text).unwrap();
        let [document] = documents.as_slice() else { panic!("{file} has {} documents", documents.len()) };
        Self(to_json(document))
    }

    /// One of its sections, such as `Parameters`.
    pub fn section(&self, name: &str) -> &Map<String, Value> {
        self.0[name].as_object().unwrap_or_else(|| panic!("missing section {name}"))
    }

    /// Whether `CloudFormation` transforms it by a macro.
    pub fn has_transform(&self) -> bool {
        self.0.get("Transform").is_some()
    }

    /// Whether a parameter accepts a value.
    pub fn accepts(&self, parameter: &str, value: &str) -> bool {
        let declared = &self.0["Parameters"][parameter];
        match declared["Type"].as_str().unwrap() {
            "CommaDelimitedList" => value.split(',').all(|item| is_allowed(declared, item.trim())),
            "Number" => value.parse::<f64>().is_ok_and(f64::is_finite) && is_allowed(declared, value),
            "String" => is_allowed(declared, value),
            other => panic!("{parameter} has the unsupported type {other}"),
        }
    }

    /// The stack with these parameters, and the defaults of the others.
    pub fn deploy(&self, parameters: &[(&str, &str)]) -> Stack<'_> {
        let declared = self.section("Parameters");
        let unknown = parameters.iter().find(|(name, _)| !declared.contains_key(*name));
        assert_eq!(unknown, None, "unknown parameter");
        let values = declared.iter().map(|(name, declaration)| {
            let given = parameters.iter().find(|(given, _)| given == name).map(|(_, value)| (*value).to_owned());
            let value = given.unwrap_or_else(|| to_text(&declaration["Default"]));
            assert!(self.accepts(name, &value), "{name} does not accept {value:?}");
            let value = match declaration["Type"].as_str().unwrap() {
                "CommaDelimitedList" => value.split(',').map(str::trim).collect(),
                _ => Value::from(value),
            };
            (name.clone(), value)
        });
        Stack { template: self, parameters: values.collect() }
    }
}

/// Whether a declaration allows a value. `CloudFormation` matches a pattern against each entry of a list, and against
/// the whole value.
fn is_allowed(declared: &Value, value: &str) -> bool {
    let is_among = |values: &Vec<Value>| values.iter().any(|allowed| to_text(allowed) == value);
    let matches = |pattern: &str| Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(value);
    let bound = |name: &str| declared[name].as_f64().zip(value.parse::<f64>().ok());
    declared["AllowedValues"].as_array().is_none_or(is_among)
        && declared["AllowedPattern"].as_str().is_none_or(matches)
        && bound("MinValue").is_none_or(|(least, number)| number >= least)
        && bound("MaxValue").is_none_or(|(most, number)| number <= most)
}

/// A template with its parameters.
pub struct Stack<'a> {
    template: &'a Template,
    parameters: BTreeMap<String, Value>,
}

impl Stack<'_> {
    /// An evaluated section, without the items whose condition is false.
    pub fn section(&self, name: &str) -> Map<String, Value> {
        let is_created =
            |item: &Value| item.get("Condition").is_none_or(|condition| self.is_true(condition.as_str().unwrap()));
        let items = self.template.section(name).iter().filter(|(_, item)| is_created(item));
        items.map(|(name, item)| (name.clone(), self.resolve(item).unwrap())).collect()
    }

    /// The resources of a type, by name, with their properties.
    pub fn resources(&self, resource_type: &str) -> BTreeMap<String, Value> {
        let resources = self.section("Resources").into_iter();
        let of_type = resources.filter(|(_, resource)| resource["Type"] == resource_type);
        of_type.map(|(name, mut resource)| (name, resource["Properties"].take())).collect()
    }

    /// The properties of one resource.
    pub fn resource(&self, name: &str) -> Value {
        let resources = self.section("Resources");
        resources.get(name).unwrap_or_else(|| panic!("missing resource {name}"))["Properties"].clone()
    }

    /// What the assertions of the section `Rules` that do not hold say. `CloudFormation` refuses such parameters.
    pub fn violations(&self) -> Vec<String> {
        let rules = self.template.section("Rules").values();
        let holds = |value: &Value| self.resolve(value).unwrap() == json!(true);
        let applicable = rules.filter(|rule| rule.get("RuleCondition").is_none_or(holds));
        let assertions = applicable.flat_map(|rule| rule["Assertions"].as_array().unwrap());
        let violated = assertions.filter(|assertion| !holds(&assertion["Assert"]));
        violated.map(|assertion| to_text(&assertion["AssertDescription"])).collect()
    }

    fn is_true(&self, condition: &str) -> bool {
        self.resolve(&self.template.section("Conditions")[condition]).unwrap() == json!(true)
    }

    /// An evaluated value; `None` for `AWS::NoValue`.
    fn resolve(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => Some(items.iter().filter_map(|item| self.resolve(item)).collect()),
            Value::Object(fields) => match fields.iter().next().map(|(name, argument)| (name.as_str(), argument)) {
                Some((name, argument)) if name == "Ref" || name.starts_with("Fn::") => self.call(name, argument),
                // The conditions of a policy have the same key, and are objects.
                Some(("Condition", argument)) if fields.len() == 1 && argument.is_string() => {
                    self.call("Condition", argument)
                }
                _ => {
                    let fields = fields.iter().filter_map(|(name, value)| Some((name.clone(), self.resolve(value)?)));
                    Some(Value::Object(fields.collect()))
                }
            },
            other => Some(other.clone()),
        }
    }

    fn call(&self, function: &str, argument: &Value) -> Option<Value> {
        let nth = |index: usize| self.resolve(&argument[index]).unwrap();
        let text = |index: usize| to_text(&nth(index));
        let operands = || argument.as_array().unwrap().iter().map(|operand| self.resolve(operand).unwrap());
        let texts = |index: usize| nth(index).as_array().unwrap().iter().map(to_text).collect::<Vec<_>>();
        Some(match function {
            "Ref" => return self.reference(argument.as_str().unwrap()),
            "Fn::GetAtt" => argument.clone(),
            "Fn::Join" => texts(1).join(&text(0)).into(),
            "Fn::Split" => text(1).split(&text(0)).collect(),
            "Fn::Select" => nth(1)[text(0).parse::<usize>().unwrap()].clone(),
            "Fn::Equals" => (text(0) == text(1)).into(),
            "Fn::Not" => (nth(0) == false).into(),
            "Fn::And" => operands().all(|operand| operand == true).into(),
            "Fn::Or" => operands().any(|operand| operand == true).into(),
            "Condition" => self.is_true(argument.as_str().unwrap()).into(),
            "Fn::If" => {
                let branch = if self.is_true(argument[0].as_str().unwrap()) { &argument[1] } else { &argument[2] };
                return self.resolve(branch);
            }
            "Fn::Sub" => match argument {
                Value::Array(_) => self.substitute(&text(0), nth(1).as_object().unwrap()),
                template => self.substitute(template.as_str().unwrap(), &Map::new()),
            },
            other => panic!("unsupported function {other}"),
        })
    }

    fn substitute(&self, template: &str, variables: &Map<String, Value>) -> Value {
        let mut parts = template.split("${");
        let mut text = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            let value = variables.get(name).cloned();
            let attribute = || name.contains('.').then(|| name.into());
            text += &to_text(&value.or_else(attribute).or_else(|| self.reference(name)).unwrap());
            text += rest;
        }
        text.into()
    }

    /// The value of a `Ref`. That of a resource is its logical ID, where AWS would return a generated name.
    fn reference(&self, name: &str) -> Option<Value> {
        Some(match name {
            "AWS::NoValue" => return None,
            "AWS::AccountId" => ACCOUNT.into(),
            "AWS::Region" => REGION.into(),
            "AWS::Partition" => "aws".into(),
            "AWS::StackId" => format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/any/0a1b2c3d").into(),
            name => match self.parameters.get(name) {
                Some(value) => value.clone(),
                None if self.template.section("Resources").contains_key(name) => name.into(),
                None => panic!("unresolved reference {name}"),
            },
        })
    }
}

fn to_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn to_json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(value)) => value.as_ref().into(),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.as_str().unwrap().to_owned(), to_json(value)));
            Value::Object(fields.collect())
        }
        Yaml::Tagged(tag, value) => {
            let function = match tag.suffix.as_str() {
                "Ref" | "Condition" => tag.suffix.clone(),
                function => format!("Fn::{function}"),
            };
            json!({function: to_json(value)})
        }
        other => panic!("unsupported YAML {other:?}"),
    }
}
