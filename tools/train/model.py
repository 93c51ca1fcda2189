"""The embedded classifier: a convolution stem down to stride 8, then a ViT with a class token.

Xiao et al. 2021, "Early convolutions help transformers see better"; residual blocks as in He et al. 2016 with the
activation after the sum; transformer blocks, and their names, as timm's vision_transformer has them (norm before,
Dosovitskiy et al. 2021 eqs. 1 to 4).
"""

import torch
import torch.nn.functional as F
from torch import nn

ARCHITECTURE = "fovea_early_conv_vit"
ARGS = {
    "img_size": 128,
    "stem_widths": [32, 48, 128],
    "stem_blocks": [0, 1, 1],
    "embed_dim": 128,
    "depth": 4,
    "num_heads": 4,
    "mlp_ratio": 2,
}


class ResidualBlock(nn.Module):
    """x [B, C, H, W] -> relu(x + bn2(conv2(relu(bn1(conv1(x))))))."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(y)))


class Stage(nn.Module):
    """Halves the grid with a 3×3 convolution of stride 2, then `count` residual blocks."""

    def __init__(self, inputs, width, count):
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*[ResidualBlock(width) for _ in range(count)])

    def forward(self, x):
        return self.blocks(F.relu(self.bn(self.conv(x))))


class Attention(nn.Module):
    """Self-attention of timm's layout: qkv rows are queries, keys, values, each split into heads."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x, tap):
        batch, tokens, width = x.shape
        each = width // self.heads
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, each).permute(2, 0, 3, 1, 4)
        attention = (q * each**-0.5 @ k.transpose(-2, -1)).softmax(-1)  # [B, heads, tokens, tokens]
        if tap is not None:
            tap.append(attention)
        return self.proj((attention @ v).transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """x + MSA(LN(x)), then x + MLP(LN(x))."""

    def __init__(self, width, heads, mlp_ratio):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, int(width * mlp_ratio))

    def forward(self, x, tap=None):
        x = x + self.attn(self.norm1(x), tap)
        return x + self.mlp(self.norm2(x))


class EarlyConvVit(nn.Module):
    """pictures [B, 3, H, W] -> logits [B, classes]. The class token is token 0 and has a position of its own."""

    def __init__(self, classes, img_size, stem_widths, stem_blocks, embed_dim, depth, num_heads, mlp_ratio):
        super().__init__()
        sides = [img_size, img_size] if isinstance(img_size, int) else img_size
        self.grid = [-(-side // 2 ** len(stem_widths)) for side in sides]
        inputs = [3] + stem_widths[:-1]
        self.stem = nn.Sequential(*[Stage(*shape) for shape in zip(inputs, stem_widths, stem_blocks)])
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid[0] * self.grid[1], embed_dim))
        self.blocks = nn.Sequential(*[Block(embed_dim, num_heads, mlp_ratio) for _ in range(depth)])
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.head = nn.Linear(embed_dim, classes)
        for name, parameter in self.named_parameters():
            if name in ("cls_token", "pos_embed") or (parameter.ndim == 2 and name != "head.weight"):
                nn.init.trunc_normal_(parameter, std=0.02)
            elif parameter.ndim == 4:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def position(self, height, width):
        """The position embedding, resampled where the grid is not the one it was made for."""
        if [height, width] == self.grid:
            return self.pos_embed
        cells = self.pos_embed[:, 1:].transpose(1, 2).unflatten(2, self.grid)
        cells = F.interpolate(cells, (height, width), mode="bilinear", align_corners=False, antialias=True)
        return torch.cat([self.pos_embed[:, :1], cells.flatten(2).transpose(1, 2)], 1)

    def features(self, pictures, tap=None):
        """All tokens behind the final norm, [B, 1 + cells, D]; `tap` collects each block's softmax."""
        x = self.stem(pictures)  # [B, D, H/8, W/8]
        position = self.position(*x.shape[2:])
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + position
        for block in self.blocks:
            x = block(x, tap)
        return self.norm(x)

    def forward(self, pictures):
        return self.head(self.features(pictures)[:, 0])
