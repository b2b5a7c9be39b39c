"""The RPCs of NotificationsService: conversion between protobuf and calls."""
