"""Microsoft Graph's billing exports: submit, poll, manifest, blobs of packed JSON lines."""
