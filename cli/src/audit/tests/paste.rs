//! The settings that an audit prints, pasted into a shell.

use std::process::Command as Process;

use ecr_multiarch_core::settings::variable::Variable;

use super::output::documented;
use super::*;
use crate::settings::parameters::Parameters;

/// The lines that a shell prints for these commands.
fn lines_of_shell(commands: &str) -> Vec<String> {
    let output = Process::new("sh").args(["-c", commands]).env_clear().output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The lines of a text that a command fills, from that which begins with these words.
fn pasted(text: &str, command: &str) -> String {
    let lines = text.lines().skip_while(|line| !line.trim_start().starts_with(command));
    lines.take_while(|line| line.starts_with(' ')).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn printed_settings_survive_a_shell_and_sam() {
    let (report, _) = documented().await;
    let text = ReportText { report: &report, rows: 20 }.to_string();
    let (names, values): (Vec<_>, Vec<_>) = report.settings.clone().into_iter().unzip();
    assert!(values.iter().any(|value| value.contains(r"\\d+")), "{values:?}");
    let printed: Vec<_> = names.iter().map(|name| format!("printf '%s\n' \"${name}\"")).collect();
    assert_eq!(lines_of_shell(&format!("{}\n{}", pasted(&text, "export"), printed.join("\n"))), values);

    let overrides = lines_of_shell(&format!("sam() {{ shift 2; printf '%s\n' \"$@\"; }}\n{}", pasted(&text, "sam")));
    let mut parameters = Parameters::default();
    overrides.iter().try_for_each(|text| parameters.add_overrides(text)).unwrap();
    let parameter = |name: &str| Variable::ALL.iter().find(|variable| variable.name() == name).unwrap().parameter();
    let given: Vec<_> = names.iter().map(|name| parameters.get(&parameter(name)).unwrap()).collect();
    assert_eq!((given, overrides.len()), (values.iter().map(String::as_str).collect(), values.len()));
}
