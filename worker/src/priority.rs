//! The priority of threads that do tasks: they run only when the machine is otherwise idle, so that they do
//! not affect live streams on it. Programs that they start inherit the priority.

#[cfg(target_os = "linux")]
pub(crate) fn lower() {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let outcome = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    if let Err(error) = outcome {
        tracing::debug!("cannot lower the priority of a task: {error:?}");
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn lower() {
    if let Err(error) = thread_priority::ThreadPriority::Min.set_for_current() {
        tracing::debug!("cannot lower the priority of a task: {error:?}");
    }
}
