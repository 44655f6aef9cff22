# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Deep convolutional neural fields: depth of superpixels by a network and a CRF (Liu et al. 2015)."""
