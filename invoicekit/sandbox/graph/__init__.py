"""Microsoft Graph's billing exports as the sandbox speaks them: operations, manifests, blobs."""
