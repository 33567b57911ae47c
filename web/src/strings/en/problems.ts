// Problems of a broadcaster: what happened, and what to do about it.

export const problems = {
  insecure: {
    title: 'You can’t share from this address',
    advice:
      'Browsers allow sharing only over https, and this address is plain http. Open this page over https. If that does not work, ask the operator of this server for its https address.',
  },
  noRecorder: {
    title: 'This browser cannot record live video',
    advice: 'Open this page in a current Chrome, Edge, Firefox or Safari.',
  },
  noScreen: {
    title: 'This device cannot share its screen',
    advice: 'Phones and tablets do not let browsers do that. Share your camera, or open this page on a computer.',
  },
  noCamera: { title: 'This browser has no access to cameras', advice: 'Share your screen, or try another browser.' },
  noFormat: {
    title: 'This browser cannot record in a format that viewers can play',
    advice: 'Open this page in a current Chrome, Edge or Firefox.',
  },
  recorderFailed: {
    title: 'Recording stopped working',
    advice: 'Choose what to share again. If that does not help, lower the quality or restart the browser.',
  },
  noMicrophone: {
    title: 'Your microphone is not on',
    advice: 'Allow the microphone for this page, next to the address, and switch it on again. The stream continues.',
  },
  microphoneGone: {
    title: 'Your microphone is gone',
    advice: 'Your stream continues without it. Connect it again, or another one, and switch it on.',
  },
  microphoneMuted: {
    title: 'Your microphone is muted',
    advice: 'The device or the system mutes it, and viewers do not hear it. Unmute it there.',
  },
  soundGone: {
    title: 'The sound of what you share has ended',
    advice: 'Viewers see the picture without it. Choose the source again to bring the sound back.',
  },
  pictureStands: {
    title: 'What you share gives no picture right now',
    advice: 'Viewers see its last picture. Is the window minimised, or the camera covered or in use elsewhere?',
  },
  sourceEnded: { title: 'What you chose is closed already', advice: 'Choose something else to share.' },
  kinds: { screen: 'screen', camera: 'camera' },
  notShared: {
    title: (kind: string) => `Your ${kind} was not shared`,
    screen:
      'Try again and pick a tab, a window or a screen. If no choice appears, allow screen recording for this browser in the settings of your system.',
    camera: 'Allow camera and microphone for this page, next to the address, and try again.',
  },
  noSource: {
    title: (kind: string) => `There is no ${kind} to share`,
    advice: 'Connect one, or choose another source.',
  },
  unreadable: {
    title: (kind: string) => `Your ${kind} could not be read`,
    advice: 'Another program may be using it, or the system does not allow it. Close that program and try again.',
  },
  otherCapture: {
    title: (kind: string) => `Your ${kind} could not be shared`,
    advice: 'Try again, or choose another source.',
  },
  waiting: 'We keep trying. You go live as soon as it works.',
  noNode: { title: 'No server is free right now', advice: 'Wait a few seconds and try again.' },
  noCapacity: {
    title: 'All servers are full at the moment',
    advice: 'Running streams keep their place. Try again in a few minutes.',
  },
  storeUnavailable: {
    title: 'No stream can be started right now',
    advice: 'Part of the service is unavailable. Running streams continue. Try again in a minute.',
  },
  limitReached: { title: 'Too many attempts', advice: 'Wait a moment and try again.' },
  invalidTitle: { title: 'This title does not work', advice: 'Use 1 to 120 characters.' },
  accessRefused: {
    title: 'You may not go live with this key or account',
    advice: 'The stream key was revoked, or you have been signed out. Enter another key, or sign in again.',
  },
  unreachable: {
    title: 'The server can’t be reached',
    advice: 'Check your connection. We keep trying while you are live.',
  },
  alreadyPublishing: {
    title: 'This stream is live from another tab',
    advice: 'Continue there, or start a new stream here.',
  },
  over: { title: 'This stream is over', advice: 'Start a new one whenever you like.' },
  malformed: { title: 'The server cannot read this recording', advice: 'Try another browser, or another source.' },
  other: { title: 'Something went wrong on the server', advice: 'Try again in a moment.' },
};
