//! A rule and a queue of their own, by which the probes see the events of their repository.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::exchange::Recorder;
use crate::outcome::{NotTried, must, outcome, removed};

/// How long an event is waited for. EventBridge delivers most within a second, and a rule takes some time to work.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long one call waits for an event: a part of the patience, of the 20 seconds that SQS allows.
const WAIT_SECONDS: i32 = 5;
/// The only target of the rule.
const TARGET: &str = "queue";
/// What EventBridge says of a rule that is not there, such as one that it refused to make.
const NO_RULE: &str = "ResourceNotFoundException";

/// The rule and the queue, which have one name.
#[derive(Debug)]
pub struct EventQueue {
    rules: aws_sdk_eventbridge::Client,
    queues: aws_sdk_sqs::Client,
    name: String,
    /// The address of the queue, once it is made.
    url: RefCell<Option<String>>,
    /// The events that were received.
    events: RefCell<Vec<Value>>,
}

impl EventQueue {
    /// What is named like this. Nothing is made yet.
    pub fn new(sdk: &SdkConfig, recorder: &Recorder, name: &str) -> Self {
        let rules = aws_sdk_eventbridge::config::Builder::from(sdk).interceptor(recorder.clone()).build();
        let queues = aws_sdk_sqs::config::Builder::from(sdk).interceptor(recorder.clone()).build();
        Self {
            rules: aws_sdk_eventbridge::Client::from_conf(rules),
            queues: aws_sdk_sqs::Client::from_conf(queues),
            name: name.to_owned(),
            url: RefCell::default(),
            events: RefCell::default(),
        }
    }

    /// Makes both, for the events of a repository.
    ///
    /// # Errors
    /// What AWS says.
    pub async fn set_up(&self, repository: &str) -> Result<(), NotTried> {
        let queue = must(outcome(self.queues.create_queue().queue_name(&self.name).send().await)?)?;
        let url = queue.queue_url.unwrap_or_default();
        self.url.replace(Some(url.clone()));
        let arn = QueueAttributeName::QueueArn;
        let call = self.queues.get_queue_attributes().queue_url(&url).attribute_names(arn.clone());
        let attributes = must(outcome(call.send().await)?)?.attributes.unwrap_or_default();
        let queue_arn = attributes.get(&arn).cloned().unwrap_or_default();
        let pattern = json!({
            "source": ["aws.ecr"], "detail-type": ["ECR Image Action"], "detail": {"repository-name": [repository]},
        });
        let call = self.rules.put_rule().name(&self.name).event_pattern(pattern.to_string());
        let rule_arn = must(outcome(call.send().await)?)?.rule_arn.unwrap_or_default();
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": queue_arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
        }]});
        let call = self.queues.set_queue_attributes().queue_url(&url);
        let call = call.attributes(QueueAttributeName::Policy, policy.to_string());
        must(outcome(call.send().await)?)?;
        let target =
            Target::builder().id(TARGET).arn(queue_arn).build().map_err(|error| NotTried(error.to_string()))?;
        must(outcome(self.rules.put_targets().rule(&self.name).targets(target).send().await)?).map(drop)
    }

    /// Removes both, if the queue was made, and returns what may still be there, with the reason.
    pub async fn tear_down(&self) -> Vec<String> {
        let Some(url) = self.url.take() else { return Vec::new() };
        let rule = async {
            let targets = self.rules.remove_targets().rule(&self.name).ids(TARGET);
            removed(outcome(targets.send().await)?, NO_RULE)?;
            removed(outcome(self.rules.delete_rule().name(&self.name).send().await)?, NO_RULE)
        };
        let rule = rule.await.err().map(|NotTried(reason)| format!("the rule {}: {reason}", self.name));
        let queue = outcome(self.queues.delete_queue().queue_url(url).send().await).and_then(must);
        let queue = queue.err().map(|NotTried(reason)| format!("the queue {}: {reason}", self.name));
        rule.into_iter().chain(queue).collect()
    }

    /// The event of the push of a tag, if one comes in time.
    ///
    /// # Errors
    /// [`NotTried`], also for an exception.
    pub async fn event_of(&self, tag: &str) -> Result<Option<Value>, NotTried> {
        let url = self.url.borrow().clone().ok_or_else(|| NotTried("the queue was not created".to_owned()))?;
        let start = Instant::now();
        loop {
            let found = self.events.borrow().iter().find(|event| event["detail"]["image-tag"] == tag).cloned();
            if found.is_some() || start.elapsed() >= PATIENCE {
                return Ok(found);
            }
            let call = self.queues.receive_message().queue_url(&url).wait_time_seconds(WAIT_SECONDS);
            let received = must(outcome(call.max_number_of_messages(10).send().await)?)?.messages.unwrap_or_default();
            let bodies = received.iter().filter_map(|message| serde_json::from_str(message.body()?).ok());
            self.events.borrow_mut().extend(bodies);
        }
    }
}
