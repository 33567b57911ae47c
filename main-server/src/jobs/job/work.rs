//! The work that is given to workers.

use protocol::job::{Export, Join, Output, Piece, Separate, Sound, Source, TakePictures, Work};

use super::{Record, step::Step};

impl Record {
    /// The work of task `n`; `None` if there is no such task, or an earlier step is not done.
    pub(crate) fn work(&self, n: u32) -> Option<Work> {
        let source = || Source { manifest: self.manifest.clone() };
        Some(match self.tasks.get(n as usize)?.step {
            Step::Decode => Work::Decode(source()),
            Step::Separate { read_from, read_to, keep_from, keep_to } => Work::Separate(Separate {
                sound: self.sound()?.clone(),
                read_from,
                read_to,
                keep_from,
                keep_to,
                model: self.stems_model.clone(),
            }),
            Step::Join { stem } => {
                Work::Join(Join { sound: self.sound()?.clone(), pieces: self.pieces()?, stem })
            }
            Step::Measure => Work::Measure(source()),
            Step::Pictures { every_ms } => {
                Work::Pictures(TakePictures { source: source(), duration_ms: self.duration_ms, every_ms })
            }
            Step::Export => Work::Export(Export {
                source: source(),
                params: self.params.clone(),
                needs_ffmpeg: self.needs_ffmpeg,
                title: self.title.clone(),
                artist: self.artist.clone(),
            }),
        })
    }

    /// The numbers of the tasks that are to be done.
    pub(crate) fn open_numbers(&self) -> Vec<u32> {
        if self.is_open() { self.unfinished_numbers() } else { Vec::new() }
    }

    /// The numbers of the tasks that are not done.
    pub(crate) fn unfinished_numbers(&self) -> Vec<u32> {
        (0..).zip(&self.tasks).filter(|(_, task)| task.output.is_none()).map(|(n, _)| n).collect()
    }

    /// The numbers of all tasks.
    pub(crate) fn task_numbers(&self) -> Vec<u32> {
        (0..).zip(&self.tasks).map(|(n, _)| n).collect()
    }

    /// The priority of task `n`.
    pub(crate) fn priority(&self, n: u32) -> Option<u8> {
        self.tasks.get(n as usize).map(|task| task.step.priority())
    }

    /// Whether the worker of task `n` needs `ffmpeg`, as [`Work::needs`] says.
    pub(crate) fn task_needs_ffmpeg(&self, n: u32) -> bool {
        match self.tasks.get(n as usize).map(|task| &task.step) {
            Some(Step::Pictures { .. }) => true,
            Some(Step::Export) => self.needs_ffmpeg,
            _ => false,
        }
    }

    /// The decoded sound.
    pub(super) fn sound(&self) -> Option<&Sound> {
        match self.tasks.first()?.output.as_ref()? {
            Output::Sound(sound) => Some(sound),
            _ => None,
        }
    }

    /// The vocals of all pieces.
    fn pieces(&self) -> Option<Vec<Piece>> {
        let separated = self.tasks.iter().filter(|task| matches!(task.step, Step::Separate { .. }));
        let piece = |output: &Output| match output {
            Output::Piece(piece) => Some(piece.clone()),
            _ => None,
        };
        separated.map(|task| piece(task.output.as_ref()?)).collect()
    }
}
