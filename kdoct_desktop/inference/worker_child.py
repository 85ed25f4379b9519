"""The inference process: started by its parent, owns onnxruntime, ends with its parent."""

import faulthandler
import os
import signal


def main() -> None:
    """Serve on standard input and output until the parent closes them."""
    # before anything else is imported: what a library prints must not get between the messages
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    faulthandler.enable(file=2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    import cv2

    from kdoct_desktop.inference.service import Channel, Service

    cv2.setNumThreads(1)  # the preparing threads and onnxruntime share the cores already
    Service(Channel(incoming, outgoing)).serve()


if __name__ == "__main__":
    main()
