"""From an image or slide to class ids and confidence: windows, views, blending, calibration, memory."""
