//! Just enough of `CloudFormation` to see what a template comes to with given parameters.

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

/// A template, with its short tags such as `!Ref` written out.
pub struct Template(Value);

impl Template {
    /// Reads a file of the project's root.
    pub fn read(file: &str) -> Self {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let documents = Yaml::load_from_str(&text).unwrap();
        let [document] = documents.as_slice() else { panic!("{file} holds {} documents", documents.len()) };
        Self(json_of(document))
    }

    /// One of its sections, such as `Parameters`.
    pub fn section(&self, name: &str) -> &Map<String, Value> {
        self.0[name].as_object().unwrap_or_else(|| panic!("there is no section {name}"))
    }

    /// Whether a parameter takes a value.
    pub fn takes(&self, parameter: &str, value: &str) -> bool {
        let declared = &self.0["Parameters"][parameter];
        match declared["Type"].as_str().unwrap() {
            "CommaDelimitedList" => value.split(',').all(|item| takes(declared, item.trim())),
            "Number" => value.parse::<f64>().is_ok_and(f64::is_finite) && takes(declared, value),
            "String" => takes(declared, value),
            other => panic!("{parameter} is {other}"),
        }
    }

    /// What it comes to with these parameters and the defaults of the others.
    pub fn deploy(&self, parameters: &[(&str, &str)]) -> Stack<'_> {
        let declared = self.section("Parameters");
        let unknown = parameters.iter().find(|(name, _)| !declared.contains_key(*name));
        assert_eq!(unknown, None, "there is no such parameter");
        let values = declared.iter().map(|(name, declaration)| {
            let given = parameters.iter().find(|(given, _)| given == name).map(|(_, value)| (*value).to_owned());
            let value = given.unwrap_or_else(|| text_of(&declaration["Default"]));
            assert!(self.takes(name, &value), "{name} does not take {value:?}");
            let value = match declaration["Type"].as_str().unwrap() {
                "CommaDelimitedList" => value.split(',').map(str::trim).collect(),
                _ => Value::from(value),
            };
            (name.clone(), value)
        });
        Stack { template: self, parameters: values.collect() }
    }
}

/// `CloudFormation` holds each entry of a list to the pattern, and a pattern to the whole of the value.
fn takes(declared: &Value, value: &str) -> bool {
    let among = |values: &Vec<Value>| values.iter().any(|allowed| text_of(allowed) == value);
    let matches = |pattern: &str| Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(value);
    let bound = |name: &str| declared[name].as_f64().zip(value.parse::<f64>().ok());
    declared["AllowedValues"].as_array().is_none_or(among)
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
    /// A section worked out, without what conditions leave out.
    pub fn section(&self, name: &str) -> Map<String, Value> {
        let created =
            |item: &Value| item.get("Condition").is_none_or(|condition| self.holds(condition.as_str().unwrap()));
        let items = self.template.section(name).iter().filter(|(_, item)| created(item));
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
        resources.get(name).unwrap_or_else(|| panic!("there is no resource {name}"))["Properties"].clone()
    }

    fn holds(&self, condition: &str) -> bool {
        self.resolve(&self.template.section("Conditions")[condition]).unwrap() == json!(true)
    }

    /// A value worked out. `AWS::NoValue` is none.
    fn resolve(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => Some(items.iter().filter_map(|item| self.resolve(item)).collect()),
            Value::Object(fields) => match fields.iter().next() {
                Some((name, argument)) if name == "Ref" || name.starts_with("Fn::") => self.call(name, argument),
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
        let text = |index: usize| text_of(&nth(index));
        let texts = |index: usize| nth(index).as_array().unwrap().iter().map(text_of).collect::<Vec<_>>();
        Some(match function {
            "Ref" => return self.reference(argument.as_str().unwrap()),
            "Fn::GetAtt" => argument.clone(),
            "Fn::Join" => texts(1).join(&text(0)).into(),
            "Fn::Split" => text(1).split(&text(0)).collect(),
            "Fn::Select" => nth(1)[text(0).parse::<usize>().unwrap()].clone(),
            "Fn::Equals" => (text(0) == text(1)).into(),
            "Fn::Not" => (nth(0) == false).into(),
            "Fn::If" => {
                let branch = if self.holds(argument[0].as_str().unwrap()) { &argument[1] } else { &argument[2] };
                return self.resolve(branch);
            }
            "Fn::Sub" => match argument {
                Value::Array(_) => self.substitute(&text(0), nth(1).as_object().unwrap()),
                template => self.substitute(template.as_str().unwrap(), &Map::new()),
            },
            other => panic!("{other} is no function that is known here"),
        })
    }

    fn substitute(&self, template: &str, variables: &Map<String, Value>) -> Value {
        let mut parts = template.split("${");
        let mut text = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            let value = variables.get(name).cloned();
            let attribute = || name.contains('.').then(|| name.into());
            text += &text_of(&value.or_else(attribute).or_else(|| self.reference(name)).unwrap());
            text += rest;
        }
        text.into()
    }

    /// What a name refers to. A resource is referred to by its own name, whatever name AWS would give it.
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
                None => panic!("{name} refers to nothing"),
            },
        })
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn json_of(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(value)) => value.as_ref().into(),
        Yaml::Sequence(items) => items.iter().map(json_of).collect(),
        Yaml::Mapping(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.as_str().unwrap().to_owned(), json_of(value)));
            Value::Object(fields.collect())
        }
        Yaml::Tagged(tag, value) => {
            let function = match tag.suffix.as_str() {
                "Ref" => "Ref".to_owned(),
                function => format!("Fn::{function}"),
            };
            json!({function: json_of(value)})
        }
        other => panic!("{other:?} has no place in a template"),
    }
}
