# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth's training objective: depth, normals and structure of panoramas, and what two views share.

The source names its weights (`rate`) and its SSIM window (`ssim_k`, 11) but no formulas: those here are
chosen.
"""
from __future__ import annotations

from mindspore import nn, ops

from src.config import Settings
from src.geometry.sphere_tensors import inverse_pose, latitude_weights, normals, surface, warp_pose, wrapped
from src.geometry.warp import MIN_DEPTH_M, visible
from src.losses.base import Objective, safe_divide
from src.losses.robust import berhu_sum, l1_sum
from src.losses.ssim import Ssim, window_mask
from src.panodepth.rate import DEPTH_TERMS, TWO_VIEW_TERMS, parse_rate

SSIM_SIGMA_PX = 1.5  # Wang et al. 2004, for windows of 11 pixels
# Godard et al. 2017, eq. 2: 3x3 windows, and the share of dissimilarity in the photometric error.
PHOTOMETRIC_WINDOW_PX = 3
PHOTOMETRIC_SSIM_SHARE = 0.85
# Relative: silhouettes make larger jumps, and trained nets disagree by less.
OCCLUSION_MARGIN = 0.1


def both(first, second):
    """Return the batches of the first and the second views as one batch, where there is a second one."""
    return first if second is None else ops.concat((first, second), 0)


def pair_weights(valid, rows):
    """Return the weights of the pairs of each pixel with that to its right, and with that below it.

    Args:
        valid: (N, 1, H, W), 1 or 0; a pair counts where both pixels do. The last column's right neighbour is
            the first column.
        rows: weights (1, 1, H, 1); a vertical pair has the mean of both.

    Returns:
        (N, 1, H, W) and (N, 1, H - 1, W).
    """
    right = valid * wrapped(valid, 0, 1)[:, :, :, 1:] * rows
    below = valid[:, :, 1:] * valid[:, :, :-1] * (0.5 * (rows[:, :, 1:] + rows[:, :, :-1]))
    return right, below


def gradient_sum(error, valid, rows):
    """Return the weighted sum of |differences| of errors (N, 1, H, W) over the pairs of `pair_weights`."""
    error = ops.where(valid > 0, error, ops.zeros_like(error))
    right, below = pair_weights(valid, rows)
    across = ops.abs(wrapped(error, 0, 1)[:, :, :, 1:] - error)
    down = ops.abs(error[:, :, 1:] - error[:, :, :-1])
    return (across * right).sum() + (down * below).sum()


def image_means(error, weights):
    """Return each image's weighted mean of (N, 1, H, W), (N,); 0 where all weights are 0."""
    return safe_divide((error * weights).sum(axis=(1, 2, 3)), weights.sum(axis=(1, 2, 3)))


class Dissimilarity(nn.Cell):
    """(1 - SSIM) / 2 of panoramas: windows go on across the seam, and only those that fit in height count.

    Args:
        window_px, sigma_px, data_range: as of `Ssim`.

    Inputs:
        a and b (N, C, H, W), finite.

    Outputs:
        (N, 1, H - window_px + 1, W) in [0, 1], the mean over channels at the windows' centres.
    """

    def __init__(self, window_px: int, sigma_px: float | None = None, data_range: float = 1.0):
        super().__init__()
        self.ssim = Ssim(window_px, sigma_px, data_range)
        self.window_px = window_px
        self.before_px, self.after_px = (window_px - 1) // 2, window_px // 2

    def construct(self, a, b):
        """Compare."""
        similarity = self.ssim(wrapped(a, self.before_px, self.after_px),
                               wrapped(b, self.before_px, self.after_px))
        return (0.5 - 0.5 * similarity).mean(axis=1, keep_dims=True)

    def weights(self, valid, rows):
        """Return the weights of the windows: their centres' rows', 0 where a pixel is not valid."""
        whole = window_mask(wrapped(valid, self.before_px, self.after_px), self.window_px)
        return whole * rows[:, :, self.before_px:rows.shape[2] - self.after_px]


class PanoObjective(Objective):
    """The network's forward pass and loss.

    Terms, each with its weight of `rate` (0 leaves it out). Every mean weights pixels by the area that they
    cover on the sphere, cos(latitude), with `latitude_weights`, else alike:

    - `l1`: mean |error| in metres over valid pixels.
    - `normal`: mean 1 - <n, n_truth> over pixels whose truth has a normal (`sphere_tensors.surface`).
    - `ssim`: mean (1 - SSIM) / 2 of depth (Alhashim and Wonka 2018), Gaussian windows of `ssim_k` pixels that
      are valid throughout; `ssim_range_m` is the range L of its constants (0.01 L)^2 and (0.03 L)^2.
    - `gradient`: mean |difference of errors| in metres over valid pairs of neighbours, both directions.
    - `berhu`: mean reverse Huber error in metres over valid pixels.
    - `photometric` and `consistency`, with pairs: the pixels of each view are lifted to their predicted depth
      and looked up in the other; those that the other's predicted depth hides do not count. The former
      compares colours, 0.85 mean (1 - SSIM) / 2 + 0.15 mean |difference|; the latter compares the point's
      distance a from the other panorama with the depth b predicted there, mean |a - b| / (a + b) (Bian et al.
      2019). What they see depends on the predictions: each is a mean of each image, and counts images.

    With pairs all terms run over both views.

    Args:
        network: from images (N, 3, H, W) to depth (N, 1, H, W) in metres along the ray, positive.
        settings: `rate` (six weights), `ssim_k`, `ssim_range_m`, `latitude_weights`.

    Inputs:
        image (N, 3, H, W) in [0, 1]; depth_m (N, 1, H, W) metres along the ray; valid (N, 1, H, W), 1 where
        depth is a reading, elsewhere depth may be anything; and of pairs, without which the sixth rate must
        be 0, other_image, other_depth_m, other_valid and pose (N, 4, 4), which takes a point of the first
        panorama's frame to the other's.

    Raises:
        UserError: `rate` is impossible.
    """

    def __init__(self, network: nn.Cell, settings: Settings):
        rate = parse_rate(settings.rate)
        weights = {**dict(zip(DEPTH_TERMS, rate)), **dict.fromkeys(TWO_VIEW_TERMS, rate[5])}
        used = tuple(term for term, weight in weights.items() if weight > 0)
        super().__init__(used, tuple(weights[term] for term in used))
        self.network = network
        self.depth_dissimilarity = Dissimilarity(settings.ssim_k, SSIM_SIGMA_PX, settings.ssim_range_m)
        self.photometric_dissimilarity = Dissimilarity(PHOTOMETRIC_WINDOW_PX)
        self.by_latitude = settings.latitude_weights

    def counts(self, image, depth_m, valid, other_image=None, other_depth_m=None, other_valid=None,
               pose=None):
        """Return the sum of the weights that each term is a mean over; of a two-view term, of images."""
        truth_m, valid = self._truth(depth_m, valid, other_depth_m, other_valid)
        rows = self._rows(truth_m)
        result = ()
        for term in self.terms:
            if term in TWO_VIEW_TERMS:
                count = ops.ones_like(truth_m[:, 0, 0, 0]).sum()
            elif term == "normal":
                count = (surface(truth_m, valid) * rows).sum()
            elif term == "ssim":
                count = self.depth_dissimilarity.weights(valid, rows).sum()
            elif term == "gradient":
                right, below = pair_weights(valid, rows)
                count = right.sum() + below.sum()
            else:
                count = (valid * rows).sum()
            result += (count,)
        return ops.stack(result)

    def construct(self, image, depth_m, valid, other_image=None, other_depth_m=None, other_valid=None,
                  pose=None):
        """Return the sum of each term over the batch."""
        truth_m, valid = self._truth(depth_m, valid, other_depth_m, other_valid)
        images, rows = both(image, other_image), self._rows(truth_m)
        predicted_m = self.network(images).astype(truth_m.dtype)
        sums = self.depth_sums(predicted_m, truth_m, valid, rows)
        if "consistency" in self.terms:
            sums += self.two_view_sums(predicted_m, images, pose, rows)
        return ops.stack(sums)

    def _truth(self, depth_m, valid, other_depth_m, other_valid):
        """Return depth, 1 m where it is no reading, and where it is one, of all views."""
        depth_m, valid = both(depth_m, other_depth_m), both(valid, other_valid)
        return ops.where(valid > 0, depth_m, ops.ones_like(depth_m)), valid

    def _rows(self, values):
        """Return the weights of rows, (1, 1, H, 1)."""
        weights = latitude_weights(values.shape[2], values.dtype)
        return weights if self.by_latitude else ops.ones_like(weights)

    def depth_sums(self, predicted_m, truth_m, valid, rows):
        """Return the sums of the `DEPTH_TERMS` in use; truth and weights from `_truth` and `_rows`."""
        error_m = predicted_m - truth_m
        sums = ()
        if "l1" in self.terms:
            sums += (l1_sum(error_m, valid * rows),)
        if "normal" in self.terms:
            cosine = (normals(predicted_m) * normals(truth_m)).sum(axis=1, keepdims=True)
            sums += (((1.0 - cosine) * surface(truth_m, valid) * rows).sum(),)
        if "ssim" in self.terms:
            weights = self.depth_dissimilarity.weights(valid, rows)
            sums += ((self.depth_dissimilarity(predicted_m, truth_m) * weights).sum(),)
        if "gradient" in self.terms:
            sums += (gradient_sum(error_m, valid, rows),)
        if "berhu" in self.terms:
            sums += (berhu_sum(error_m, valid * rows),)
        return sums

    def two_view_sums(self, predicted_m, images, pose, rows):
        """Return the sums of `photometric` and `consistency`, first views first."""
        pairs = pose.shape[0]
        maps = ops.concat((predicted_m, images), 1)
        others = ops.concat((maps[pairs:], maps[:pairs]), 0)
        poses = ops.concat((pose[:, :3], inverse_pose(pose)), 0)
        seen, valid, there_m = warp_pose(others, predicted_m, poses)
        seen_m, seen_images = seen[:, :1], seen[:, 1:]
        valid = valid * visible(there_m, seen_m, OCCLUSION_MARGIN)
        absolute = image_means(ops.abs(seen_images - images).mean(axis=1, keep_dims=True), valid * rows)
        structure = image_means(self.photometric_dissimilarity(seen_images, images),
                                self.photometric_dissimilarity.weights(valid, rows))
        photometric = PHOTOMETRIC_SSIM_SHARE * structure + (1.0 - PHOTOMETRIC_SSIM_SHARE) * absolute
        disagreement = ops.abs(there_m - seen_m) / ops.maximum(there_m + seen_m, MIN_DEPTH_M)
        return photometric.sum(), image_means(disagreement, valid * rows).sum()
